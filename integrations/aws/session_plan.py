"""The calls that lead from a component of the product into a customer role, as values. Nothing is called here.

`chain` makes the same calls itself; a component that runs elsewhere makes them from what `session_plan` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.aws import vendor_policies as tags
from integrations.aws.assume_role import MAX_CHAINED_DURATION, AssumeRole
from integrations.aws.narrowing import CustomerSessionPolicy, customer_session_policies
from integrations.aws.policies import launch_session_policy
from integrations.aws.report import VerificationTarget
from integrations.aws.vendor import CANARY, VendorSettings


@dataclass(frozen=True)
class SessionPlan:
    """The AssumeRole calls of a component's session, one hop after the other, each with the session of the one before.

    The last hop is made with the first of `session_policies` that AWS takes. `caller_may_be_first` says that a process
    which runs as the first hop's role already leaves that hop out.
    """

    hops: tuple[AssumeRole, ...]
    session_policies: tuple[CustomerSessionPolicy, ...]
    caller_may_be_first: bool


def session_name(target: VerificationTarget) -> str:
    """How the component's session shows in the customer's CloudTrail."""
    return f"rolebridge-{target.component.id}-{target.connection_ref}"


def source_identity(target: VerificationTarget) -> str:
    """What CloudTrail shows at every hop of the chain, set once."""
    return f"rolebridge-{target.connection_ref}"


def own_role_call(settings: VendorSettings, role: str) -> AssumeRole:
    """Base → A: entering our role `role`, a component's id, `trust-test` or `canary`."""
    return AssumeRole(
        role_arn=settings.canary_role_arn if role == CANARY else settings.component_role_arn(role),
        session_name=f"rolebridge-{role}",
        duration=MAX_CHAINED_DURATION,
    )


def vendor_call(
    settings: VendorSettings,
    *,
    role: str,
    session_name: str,
    policy: str,
    source_identity: str | None,
    session_tags: Mapping[str, str],
    transitive_tag_keys: tuple[str, ...],
) -> AssumeRole:
    """The last hop on the vendor's side. Session tags belong to the `abac` chain: no other reads them."""
    abac = settings.chain == "abac"
    return AssumeRole(
        role_arn=settings.component_role_arn(role) if settings.chain == "direct" else settings.integration_role_arn,
        session_name=session_name,
        policy=policy,
        source_identity=source_identity,
        session_tags=session_tags if abac else {},
        transitive_tag_keys=transitive_tag_keys if abac else (),
    )


def component_call(settings: VendorSettings, target: VerificationTarget, role_arn: str) -> AssumeRole:
    """A → B (`direct`: base → A), for a session that may enter `role_arn` alone, with the target's external ID."""
    return vendor_call(
        settings,
        role=target.component.id,
        session_name=session_name(target),
        policy=launch_session_policy(role_arn, target.external_id),
        source_identity=source_identity(target),
        session_tags={
            tags.TENANT: target.tenant_ref,
            tags.CONNECTION: target.connection_ref,
            tags.COMPONENT: target.component.id,
            tags.EXTERNAL_ID: target.external_id,
            tags.PURPOSE: tags.PURPOSE_COMPONENT,
        },
        transitive_tag_keys=(tags.TENANT, tags.CONNECTION, tags.COMPONENT),
    )


def session_plan(settings: VendorSettings, target: VerificationTarget) -> SessionPlan:
    """The calls of a session of the target's component that lasts an hour.

    Raises:
        PolicyTooLong, RequestInvalid, InvalidRoleArn: the component or the role breaks a limit of STS.
    """
    customer_role = target.role_arn(settings)
    launch = component_call(settings, target, str(customer_role))
    enter = AssumeRole(
        role_arn=str(customer_role),
        session_name=session_name(target),
        duration=MAX_CHAINED_DURATION,
        external_id=target.external_id,
    )
    direct = settings.chain == "direct"
    return SessionPlan(
        hops=(launch, enter) if direct else (own_role_call(settings, target.component.id), launch, enter),
        session_policies=tuple(
            customer_session_policies(
                target.component, customer_role, self_inspection=target.self_inspection, regions=target.regions
            )
        ),
        caller_may_be_first=not direct,
    )
