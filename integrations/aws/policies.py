"""Policy documents that concern a customer role: session policies of each hop, and the customer's trust policy.

Pure functions from plain values to plain dictionaries. STS authorises one AssumeRole call as up to three actions, and
whether `sts:ExternalId` is there for TagSession and SetSourceIdentity is not documented; so every document here asks
for the external ID on sts:AssumeRole only, and allows the other two in a statement of their own.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.catalogue import ACCOUNT, Component, Permission

PolicyDocument = dict[str, Any]

POLICY_VERSION = "2012-10-17"
# What self-inspection asks for, on the role's own ARN only.
SELF_INSPECTION_ACTIONS = (
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:SimulatePrincipalPolicy",
)
# The inline session policy and the managed policy ARNs share this many plaintext characters (STS API reference).
MAX_SESSION_POLICY = 2048
MAX_TRUST_POLICY = 2048

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_.:/=+@-]{2,256}")


class InvalidExternalId(ValueError):
    """Not an external ID that Rolebridge issues: it must fit STS's ExternalId and a session tag's value alike."""


class PolicyTooLong(ValueError):
    """A document is longer than AWS accepts; the message holds both figures."""


def compact(document: Mapping[str, Any]) -> str:
    """The document as JSON without a needless character: session policies are limited in length."""
    return json.dumps(document, separators=(",", ":"))


def length_without_whitespace(document: Mapping[str, Any]) -> int:
    """The length IAM counts for its quotas."""
    return len(re.sub(r"\s", "", compact(document)))


def policy(statements: Sequence[Mapping[str, Any]]) -> PolicyDocument:
    return {"Version": POLICY_VERSION, "Statement": [dict(statement) for statement in statements]}


def validate_external_id(external_id: str) -> str:
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise InvalidExternalId("An external ID has 2 to 256 characters out of A-Z a-z 0-9 _ . : / = + @ -")
    return external_id


def filled_in(text: str, partition: str, account_id: str) -> str:
    """A resource or the value of a condition as the catalogue writes it (`arn:aws:…`, `{account}`), for one account."""
    for_partition = f"arn:{partition}:{text.removeprefix('arn:aws:')}" if text.startswith("arn:aws:") else text
    return for_partition.replace(ACCOUNT, account_id)


def resources_of(permission: Permission, partition: str, account_id: str) -> list[str]:
    """The resources of a permission in one account."""
    return [filled_in(resource, partition, account_id) for resource in permission.resources]


def conditions_of(permission: Permission, partition: str, account_id: str) -> dict[str, dict[str, str | list[str]]]:
    """The conditions of a permission in one account, as a policy writes them."""
    return {
        operator: {
            key: filled_in(values, partition, account_id)
            if isinstance(values, str)
            else [filled_in(value, partition, account_id) for value in values]
            for key, values in keys.items()
        }
        for operator, keys in permission.conditions.items()
    }


def permission_statements(permissions: Iterable[Permission], partition: str, account_id: str) -> list[dict[str, Any]]:
    """Allow statements for `permissions` in one account: one per combination of resources and conditions, in the
    catalogue's order.
    """
    groups: dict[str, tuple[Permission, list[str]]] = {}
    for permission in permissions:
        key = json.dumps([permission.resources, permission.conditions], sort_keys=True)
        groups.setdefault(key, (permission, []))[1].append(permission.action)
    statements = []
    for permission, actions in groups.values():
        resources = resources_of(permission, partition, account_id)
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": sorted(actions),
            "Resource": resources[0] if len(resources) == 1 else resources,
        }
        if permission.conditions:
            statement["Condition"] = conditions_of(permission, partition, account_id)
        statements.append(statement)
    return statements


def launch_session_policy(customer_role_arn: str, external_id: str) -> str:
    """A → B: this session may enter one customer role, with one external ID, and nothing else (F10)."""
    return compact(
        policy(
            [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Resource": customer_role_arn,
                    "Condition": {"StringEquals": {"sts:ExternalId": validate_external_id(external_id)}},
                },
                {
                    "Effect": "Allow",
                    "Action": ["sts:TagSession", "sts:SetSourceIdentity"],
                    "Resource": customer_role_arn,
                },
            ]
        )
    )


def trust_test_session_policy(role_arns: Sequence[str]) -> str:
    """A → B for the trust-test: the one customer role (and a control role), with any external ID or none.

    Were the external ID asked for here, our own policy would refuse the negative tests before the customer's trust
    policy is asked, and they would prove nothing.
    """
    return compact(
        policy(
            [
                {
                    "Effect": "Allow",
                    "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
                    "Resource": list(role_arns),
                }
            ]
        )
    )


def deny_all_session_policy() -> str:
    """For a session that must prove it can be opened and be able to do nothing."""
    return compact(policy([{"Effect": "Deny", "Action": "*", "Resource": "*"}]))


def revoke_older_sessions_policy(before: datetime) -> PolicyDocument:
    """For a role of the customer's: ends every session in it that was opened before `before`, as AWS's console does
    with "Revoke active sessions". Sessions that are opened later are not concerned, so it may stay in place.

    A session's age counts in whole seconds, so a part of a second is rounded up: nothing older is spared.
    """
    whole = before.astimezone(UTC) + timedelta(microseconds=-before.microsecond % 1_000_000)
    issued_before = {"DateLessThan": {"aws:TokenIssueTime": f"{whole:%Y-%m-%dT%H:%M:%SZ}"}}
    return policy([{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": issued_before}])


def grant_test_session_policy(component: Component) -> str:
    """B → C for the over-grant test: exactly the actions that the role must deny and that are tried.

    Under the ordinary session policy an over-grant can never be seen, since that policy denies it first.
    """
    actions = sorted(entry.action for entry in component.never_granted if entry.probe)
    return compact(policy([{"Effect": "Allow", "Action": actions, "Resource": "*"}]))


def self_inspection_statement(role_arn: str) -> dict[str, Any]:
    """Lets a role read and simulate itself, and nothing else of IAM."""
    return {"Sid": "SelfInspection", "Effect": "Allow", "Action": list(SELF_INSPECTION_ACTIONS), "Resource": role_arn}


def inspection_session_policy(role_arn: str) -> str:
    """B → C for self-inspection: exactly those calls."""
    return compact(policy([self_inspection_statement(role_arn)]))


def customer_trust_policy(
    principal_arn: str, external_ids: Sequence[str], *, account_root_arn: str | None = None
) -> PolicyDocument:
    """The trust policy of a customer role: the vendor's one role, with an external ID that is always asked for.

    `external_ids` holds two values only while one replaces the other. With `account_root_arn` the principal is the
    vendor's account and the role is named in a condition: AWS stores a role principal as the role's unique id, so a
    recreated integration role would be locked out; this form survives that, at the price of a wider principal.
    """
    if not external_ids:
        raise InvalidExternalId("A trust policy without an external ID is never written.")
    ids = [validate_external_id(external_id) for external_id in external_ids]
    principal = {"AWS": account_root_arn or principal_arn}
    assume: dict[str, Any] = {"StringEquals": {"sts:ExternalId": ids[0] if len(ids) == 1 else ids}}
    pass_context: dict[str, Any] = {
        "Sid": "PassSessionContext",
        "Effect": "Allow",
        "Principal": dict(principal),
        "Action": ["sts:SetSourceIdentity", "sts:TagSession"],
    }
    if account_root_arn is not None:
        assume["ArnEquals"] = {"aws:PrincipalArn": principal_arn}
        pass_context["Condition"] = {"ArnEquals": {"aws:PrincipalArn": principal_arn}}
    document = policy(
        [
            {
                "Sid": "AssumeWithExternalId",
                "Effect": "Allow",
                "Principal": principal,
                "Action": "sts:AssumeRole",
                "Condition": assume,
            },
            pass_context,
        ]
    )
    if (length := length_without_whitespace(document)) > MAX_TRUST_POLICY:
        raise PolicyTooLong(f"The trust policy has {length} characters; IAM takes {MAX_TRUST_POLICY}.")
    return document
