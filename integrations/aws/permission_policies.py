"""A component's permissions as policies of a role: one inline policy, or managed ones where that is too long. Pure."""

from dataclasses import dataclass

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


class RoleDoesNotFit(ValueError):
    """A role breaks one of IAM's quotas; the message holds the figures."""


@dataclass(frozen=True)
class NamedPolicy:
    """A permissions policy and its name."""

    name: str
    document: PolicyDocument


def permission_policies(
    name: str, component: Component, partition: str, own_arn: str | None
) -> tuple[tuple[NamedPolicy, ...], tuple[NamedPolicy, ...]]:
    """The inline policies, or the managed policies, that give the role `name` the component's permissions.

    With `own_arn` the role may read itself too. RoleDoesNotFit where IAM's quotas leave no way.
    """
    statements = permission_statements(component.permissions, partition)
    if own_arn is not None:
        statements.append(self_inspection_statement(own_arn))
    whole = policy(statements)
    if length_without_whitespace(whole) <= MAX_INLINE_POLICIES:
        return (NamedPolicy("permissions", whole),), ()
    pieces = _split(statements, component.id)
    if len(pieces) > MAX_MANAGED_POLICIES:
        raise RoleDoesNotFit(
            f"The permissions of component '{component.id}' fill {len(pieces)} managed policies of "
            f"{MAX_MANAGED_POLICY} characters; {MAX_MANAGED_POLICIES} fit on a role with room for the customer's own."
        )
    return (), tuple(NamedPolicy(f"{name}-{number}", policy(piece)) for number, piece in enumerate(pieces, start=1))


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
