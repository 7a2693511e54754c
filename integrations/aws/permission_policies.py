"""A component's permissions as policies of a role: one inline policy, or managed ones where that is too long. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from integrations.aws.arns import RoleArn
from integrations.aws.policies import (
    PolicyDocument,
    length_without_whitespace,
    permission_statements,
    policy,
    self_inspection_statement,
)
from integrations.catalogue import Component

MAX_INLINE_POLICIES = 10_240
MAX_MANAGED_POLICY = 6_144
# IAM attaches ten managed policies to a role by default; the customer's own need room as well.
MAX_MANAGED_POLICIES = 8
# Where a service or a call is global, AWS answers it in one region whatever the customer chose: a condition on the
# region would only break it. Source: AWS Organizations user guide, the example policy that denies by requested region.
_GLOBAL_SERVICES = frozenset(
    {
        "account", "budgets", "ce", "cloudfront", "cur", "globalaccelerator", "health", "iam", "organizations",
        "pricing", "route53", "route53domains", "shield", "sts", "support", "trustedadvisor", "waf",
    }
)  # fmt: skip
_GLOBAL_ACTIONS = frozenset({"ec2:DescribeRegions", "s3:ListAllMyBuckets"})


class RoleDoesNotFit(ValueError):
    """A role breaks one of IAM's quotas; the message holds the figures."""


@dataclass(frozen=True)
class NamedPolicy:
    """A permissions policy and its name."""

    name: str
    document: PolicyDocument


def permission_policies(
    role: RoleArn, component: Component, *, self_inspection: bool = False, regions: Sequence[str] = ()
) -> tuple[tuple[NamedPolicy, ...], tuple[NamedPolicy, ...]]:
    """The inline policies, or the managed policies, that give the role the component's permissions.

    With `self_inspection` the role may read itself too; with `regions` it may call regional services there only.
    RoleDoesNotFit where IAM's quotas leave no way.
    """
    statements = permission_statements(component.permissions, role.partition, role.account_id)
    if regions:
        statements = [part for statement in statements for part in _in_regions(statement, regions)]
    if self_inspection:
        statements.append(self_inspection_statement(str(role)))
    whole = policy(statements)
    if length_without_whitespace(whole) <= MAX_INLINE_POLICIES:
        return (NamedPolicy("permissions", whole),), ()
    pieces = _split(statements, component.id)
    if len(pieces) > MAX_MANAGED_POLICIES:
        raise RoleDoesNotFit(
            f"The permissions of component '{component.id}' fill {len(pieces)} managed policies of "
            f"{MAX_MANAGED_POLICY} characters; {MAX_MANAGED_POLICIES} fit on a role with room for the customer's own."
        )
    return (), tuple(
        NamedPolicy(f"{role.name}-{number}", policy(piece)) for number, piece in enumerate(pieces, start=1)
    )


def _in_regions(statement: PolicyDocument, regions: Sequence[str]) -> list[PolicyDocument]:
    """The statement with its regional actions allowed in `regions` only, and its global ones as they are."""
    anywhere = [action for action in statement["Action"] if _is_global(action)]
    regional = [action for action in statement["Action"] if not _is_global(action)]
    conditions = statement.get("Condition", {})
    equals = {"aws:RequestedRegion": list(regions)} | conditions.get("StringEquals", {})
    parts = []
    if regional:
        parts.append({**statement, "Action": regional, "Condition": {**conditions, "StringEquals": equals}})
    if anywhere:
        parts.append({**statement, "Action": anywhere})
    return parts


def _is_global(action: str) -> bool:
    return action in _GLOBAL_ACTIONS or action.partition(":")[0] in _GLOBAL_SERVICES


def _split(statements: list[PolicyDocument], component_id: str) -> list[list[PolicyDocument]]:
    """The statements over as many policies as they fill, a long list of actions cut where a policy is full."""
    pieces: list[list[PolicyDocument]] = [[]]
    for statement in statements:
        open_statement: PolicyDocument | None = None
        for action in statement["Action"]:
            longer = {**statement, "Action": [*(open_statement["Action"] if open_statement else ()), action]}
            kept = pieces[-1][:-1] if open_statement else pieces[-1]
            if length_without_whitespace(policy([*kept, longer])) <= MAX_MANAGED_POLICY:
                pieces[-1] = [*kept, longer]
                open_statement = longer
                continue
            alone = {**statement, "Action": [action]}
            if (length := length_without_whitespace(policy([alone]))) > MAX_MANAGED_POLICY:
                raise RoleDoesNotFit(
                    f"The permission '{action}' of component '{component_id}' alone has {length} characters; "
                    f"a managed policy takes {MAX_MANAGED_POLICY}."
                )
            pieces.append([alone])
            open_statement = alone
    return pieces
