"""Authorising a service call: each thing it demands against all that binds the caller."""

import dataclasses

from integrations.sandbox.buckets import bucket_owner
from integrations.sandbox.callers import Caller, Callers
from integrations.sandbox.context import Keys, caller_keys
from integrations.sandbox.demands import Demand
from integrations.sandbox.errors import access_denied
from integrations.sandbox.identities import Identities
from integrations.sandbox.policy import Request, evaluate
from integrations.sandbox.wording import as_refusals_name_it, near, refusal

_BOUND_BY_RESOURCE_CONTROL = ("s3:", "kms:")
"""Services whose resources resource control policies bind; roles, through STS, are the third (see sts.py)."""


class Authoriser:
    """Judges demands."""

    def __init__(self, callers: Callers, identities: Identities) -> None:
        self._callers = callers
        self._identities = identities

    def demand(self, caller: Caller, demands: list[Demand], request_keys: Keys) -> None:
        """Raise AwsError for the first demand that is not allowed."""
        base = {**caller_keys(caller, self._callers.tags(caller)), **request_keys}
        binding = self._callers.policies(caller)
        for demand in demands:
            owner = resource_owner(demand.resource, caller.account)
            policies = dataclasses.replace(
                binding,
                resource=self._identities.bucket_policy(demand.resource),
                resource_control=(
                    self._identities.resource_control(caller.partition, owner)
                    if demand.action.startswith(_BOUND_BY_RESOURCE_CONTROL)
                    else ()
                ),
            )
            keys: Keys = {**base, **demand.keys, "aws:resourceaccount": (owner,)}
            decision = evaluate(Request(demand.action, demand.resource, caller.principal, keys, owner), policies)
            if not decision.allowed and demand.otherwise is not None:
                other = Request(demand.otherwise, demand.resource, caller.principal, keys, owner)
                decision = next((found for found in [evaluate(other, policies)] if found.allowed), decision)
            if not decision.allowed:
                raise access_denied(
                    refusal(
                        caller.arn,
                        demand.action,
                        as_refusals_name_it(demand.action, demand.resource),
                        decision,
                        reason=True,
                        show_policy=near(caller, owner),
                    )
                )


def resource_owner(resource: str, caller_account: str) -> str:
    """Give the account that owns a resource: as its ARN says, or, for a bucket, whoever created it."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return caller_account
    if parts[2] == "s3":
        return bucket_owner(parts[5].split("/", 1)[0]) or caller_account
    if parts[4].isdigit() and len(parts[4]) == 12:
        return parts[4]
    return caller_account
