"""The session policy of B → C: no more than the component's permissions, whatever else is attached to the role. Pure.

STS takes 2,048 characters of session policy and managed policy ARNs together. A component that needs more is narrowed
by the managed policies that the template made in the customer's account, or else by the services it uses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from integrations.aws.arns import RoleArn
from integrations.aws.permission_policies import RoleDoesNotFit, permission_policies
from integrations.aws.policies import MAX_SESSION_POLICY, PolicyTooLong, compact, permission_statements, policy
from integrations.catalogue import Component

_MAX_POLICY_ARNS = 10


class Narrowing(StrEnum):
    """How B → C was narrowed to the component."""

    ACTIONS = "actions"  # every action, resource and condition of the component
    MANAGED_POLICIES = "managed_policies"  # the same, by the policies in the customer's account
    SERVICES = "services"  # the services that the actions belong to


@dataclass(frozen=True)
class CustomerSessionPolicy:
    """What narrows a session: an inline policy, or ARNs of managed policies in the role's own account."""

    narrowing: Narrowing
    text: str | None = None
    policy_arns: tuple[str, ...] = ()


def customer_session_policies(
    component: Component, role: RoleArn, *, self_inspection: bool = False, regions: Sequence[str] = ()
) -> Iterator[CustomerSessionPolicy]:
    """The ways to narrow a session of `role`, the most exact first.

    `self_inspection` and `regions` are what the customer chose for the template: how many policies it made follows
    from them. The second way is for where AWS does not take the first: a role of an older template lacks the managed
    policies. PolicyTooLong where there is none.
    """
    exact = compact(policy(permission_statements(component.permissions, role.partition, role.account_id)))
    if len(exact) <= MAX_SESSION_POLICY:
        yield CustomerSessionPolicy(Narrowing.ACTIONS, text=exact)
        return
    arns = template_policy_arns(component, role, self_inspection=self_inspection, regions=regions)
    if arns and len(arns) <= _MAX_POLICY_ARNS and sum(map(len, arns)) <= MAX_SESSION_POLICY:
        yield CustomerSessionPolicy(Narrowing.MANAGED_POLICIES, policy_arns=arns)
    services = sorted({permission.action.partition(":")[0] for permission in component.permissions})
    by_service = compact(
        policy([{"Effect": "Allow", "Action": [f"{service}:*" for service in services], "Resource": "*"}])
    )
    if len(by_service) > MAX_SESSION_POLICY:
        raise PolicyTooLong(
            f"The session policy of component '{component.id}' has {len(by_service)} characters even by service; "
            f"STS takes {MAX_SESSION_POLICY}."
        )
    yield CustomerSessionPolicy(Narrowing.SERVICES, text=by_service)


def template_policy_arns(
    component: Component, role: RoleArn, *, self_inspection: bool = False, regions: Sequence[str] = ()
) -> tuple[str, ...]:
    """The managed policies that the template makes for the role; none where its permissions fit inline.

    With `self_inspection` those of a role that may read itself, with `regions` of one that is used there only.
    """
    try:
        _, managed = permission_policies(role, component, self_inspection=self_inspection, regions=regions)
    except RoleDoesNotFit:
        return ()
    prefix = f"arn:{role.partition}:iam::{role.account_id}:policy{role.path}"
    return tuple(prefix + piece.name for piece in managed)
