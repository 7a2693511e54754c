"""From what AWS answered to a finding: who must act, what it means, what to do. Pure functions.

Refusals are read by hop. On A → B everything is the vendor's. On B → C a text that names an identity or session policy
speaks of B and is the vendor's; the trust policy is the customer's. With C's credentials the table of policy types
holds (`_REFUSAL_OF_PROBE`). A failure of ours is never shown as the customer's.
"""

from dataclasses import dataclass
from typing import Any

from integrations.aws.errors import (
    AwsCallFailed,
    Denial,
    PolicyType,
    Refused,
    RegionDisabled,
    ServiceNotAvailable,
    Throttled,
    Unreachable,
    VendorCredentialsInvalid,
    read_denial,
)
from integrations.aws.inspection import Simulation
from integrations.aws.report import Actor, Finding, Outcome, VerificationTarget

_OURS = "There is nothing for you to do: this is a fault on our side, and our support staff can see it."
_LATER = "There is nothing to do: it is tried again by itself."


@dataclass(frozen=True)
class Verdict:
    """What a failure means, for one finding."""

    outcome: Outcome
    cause: str
    who: Actor
    title: str
    fix: str


_NO_ANSWER = Verdict(Outcome.ERROR, "aws_unreachable", Actor.NOBODY, "AWS gave no answer", _LATER)
_THROTTLED = Verdict(Outcome.THROTTLED, "throttled", Actor.NOBODY, "AWS asked us to slow down", _LATER)

_REFUSAL_OF_PROBE: dict[tuple[PolicyType | None, bool], Verdict] = {
    (PolicyType.IDENTITY, False): Verdict(
        Outcome.DENIED,
        "missing_permission",
        Actor.CUSTOMER,
        "The role does not have this permission",
        "Update the role with the current role template: this permission was left out or taken away.",
    ),
    (PolicyType.IDENTITY, True): Verdict(
        Outcome.DENIED,
        "blocked_by_customer_policy",
        Actor.CUSTOMER,
        "A policy on the role forbids this",
        "Remove the Deny for this action from the policies attached to the role.",
    ),
    (PolicyType.SERVICE_CONTROL, True): Verdict(
        Outcome.DENIED,
        "blocked_by_organisation",
        Actor.CUSTOMER_ORGANISATION,
        "Your organisation's service control policy blocks this",
        "Ask the team that runs your AWS organisation to allow this action for the role.",
    ),
    (PolicyType.RESOURCE_CONTROL, True): Verdict(
        Outcome.DENIED,
        "blocked_by_organisation",
        Actor.CUSTOMER_ORGANISATION,
        "Your organisation's resource control policy blocks this",
        "Ask the team that runs your AWS organisation to allow this action for the role.",
    ),
    (PolicyType.BOUNDARY, True): Verdict(
        Outcome.DENIED,
        "blocked_by_boundary",
        Actor.CUSTOMER,
        "The role's permissions boundary blocks this",
        "Ask the owner of the permissions boundary to allow this action, or change the role's boundary.",
    ),
    (PolicyType.SESSION, True): Verdict(
        Outcome.ERROR, "our_session_policy", Actor.VENDOR, "Our own session policy blocks this", _OURS
    ),
    (PolicyType.RESOURCE, True): Verdict(
        Outcome.DENIED,
        "blocked_by_resource_policy",
        Actor.CUSTOMER,
        "The policy of this resource blocks this",
        "Ask the owner of the resource to allow the role in the resource's own policy.",
    ),
    (PolicyType.VPC_ENDPOINT, True): Verdict(
        Outcome.ERROR, "our_network", Actor.VENDOR, "Our own network blocks this", _OURS
    ),
    (None, False): Verdict(
        Outcome.DENIED,
        "refused_without_reason",
        Actor.CUSTOMER,
        "AWS refused this without saying why",
        "Check that the role has this permission, as the current role template gives it; then ask the team that runs "
        "your AWS organisation whether a policy of theirs blocks it.",
    ),
}
# A text can say of any of these types that it merely does not allow: who must act is the same.
for _type in (
    PolicyType.SERVICE_CONTROL,
    PolicyType.RESOURCE_CONTROL,
    PolicyType.BOUNDARY,
    PolicyType.SESSION,
    PolicyType.RESOURCE,
    PolicyType.VPC_ENDPOINT,
):
    _REFUSAL_OF_PROBE[_type, False] = _REFUSAL_OF_PROBE[_type, True]


def judge_probe_failure(failure: AwsCallFailed) -> Verdict:
    """What a failed call with the customer role's credentials means."""
    if isinstance(failure, Refused):
        denial = read_denial(failure.text)
        return _REFUSAL_OF_PROBE.get((denial.policy_type, denial.explicit), _REFUSAL_OF_PROBE[None, False])
    if isinstance(failure, ServiceNotAvailable | RegionDisabled | VendorCredentialsInvalid):
        # The credentials are fresh from STS and good: a region that does not know them is not switched on.
        return Verdict(
            Outcome.NOT_APPLICABLE,
            "region_not_enabled",
            Actor.NOBODY,
            "Not available in this account and region",
            "There is nothing to do, unless you use this service in this region: then switch it on in your account.",
        )
    return judge_failure(failure)


def judge_simulation(simulation: Simulation) -> Verdict | None:
    """What AWS's policy simulation says of a permission; None where it is allowed."""
    if simulation.blocked_by_organisation:
        return _REFUSAL_OF_PROBE[PolicyType.SERVICE_CONTROL, True]
    if simulation.blocked_by_boundary:
        return _REFUSAL_OF_PROBE[PolicyType.BOUNDARY, True]
    if simulation.decision == "allowed":
        return None
    return _REFUSAL_OF_PROBE[PolicyType.IDENTITY, simulation.decision == "explicitDeny"]


def judge_vendor_hop_failure(failure: AwsCallFailed) -> Verdict:
    """What a failure before the customer's account means: load and broken networks apart, it is the vendor's."""
    if isinstance(failure, Throttled | Unreachable):
        return judge_failure(failure)
    cause = "vendor_role_refused" if isinstance(failure, Refused) else failure.cause
    return Verdict(Outcome.ERROR, cause, Actor.VENDOR, "We could not reach our own role", _OURS)


def judge_failure(failure: AwsCallFailed) -> Verdict:
    """What a failure that is no refusal means, wherever it happens."""
    if isinstance(failure, Throttled):
        return _THROTTLED
    if isinstance(failure, Unreachable):
        return _NO_ANSWER
    if failure.who is Actor.VENDOR:
        return Verdict(Outcome.ERROR, failure.cause, Actor.VENDOR, "We could not make this call", _OURS)
    if isinstance(failure, RegionDisabled):
        return Verdict(
            Outcome.DENIED,
            failure.cause,
            Actor.CUSTOMER,
            "AWS STS is switched off in your account, in every region we tried",
            "Activate STS for at least one region: IAM console, account settings, security token service.",
        )
    return Verdict(Outcome.ERROR, failure.cause, failure.who, "AWS gave an answer we did not expect", _LATER)


def speaks_of_vendor(denial: Denial) -> bool:
    """Whether a refusal of B → C says that the caller's side refused: B's policies, or those of our organisation.

    Service control policies and boundaries bind the caller, which is B; resource control policies bind the role.
    """
    return denial.policy_type in (
        PolicyType.IDENTITY,
        PolicyType.SESSION,
        PolicyType.BOUNDARY,
        PolicyType.SERVICE_CONTROL,
        PolicyType.VPC_ENDPOINT,
    )


@dataclass(frozen=True)
class TrustFacts:
    """What the trust-test found: None where it reached no answer."""

    control_passed: bool | None = None
    enters_without_id: bool | None = None
    enters_with_wrong_id: bool | None = None
    enters_with_previous_id: bool = False
    own_side_works: bool | None = None


def judge_customer_refusal(
    failure: Refused, facts: TrustFacts, target: VerificationTarget, role_arn: str, *, abac: bool = True
) -> Verdict:
    """Untangle a refusal of B → C. STS rarely says which side refused, so the trust-test's results are evidence.

    Only in the `abac` chain do our own policies ask for the product tag.
    """
    denial = read_denial(failure.text)
    if denial.policy_type is PolicyType.RESOURCE_CONTROL:
        return Verdict(
            Outcome.DENIED,
            "blocked_by_organisation",
            Actor.CUSTOMER_ORGANISATION,
            "A policy of your AWS organisation keeps us from entering the role",
            "Ask the team that runs your AWS organisation to allow our integration role to assume this role.",
        )
    if facts.enters_with_previous_id:
        return Verdict(
            Outcome.DENIED,
            "previous_external_id",
            Actor.CUSTOMER,
            "The role still asks for your previous external ID",
            "Deploy the current role template: it holds your new external ID.",
        )
    if facts.enters_without_id or facts.enters_with_wrong_id:
        return Verdict(
            Outcome.DENIED,
            "trust_open_but_refused",
            Actor.CUSTOMER,
            "The role refuses us, yet it lets callers in without your external ID",
            "Deploy the current role template again: it restores the external ID condition and the product tag.",
        )
    if denial.action in ("sts:TagSession", "sts:SetSourceIdentity"):
        return Verdict(
            Outcome.DENIED,
            "trust_lacks_" + ("tag_session" if denial.action == "sts:TagSession" else "source_identity"),
            Actor.CUSTOMER,
            f"The role's trust policy does not allow {denial.action}",
            f"Deploy the current role template again: its trust policy allows {denial.action} for our role.",
        )
    if facts.control_passed and (not abac or denial.policy_type in (PolicyType.ROLE_TRUST, PolicyType.RESOURCE)):
        return Verdict(
            Outcome.DENIED,
            "trust_refuses_session",
            Actor.CUSTOMER,
            "The role's trust policy lets us in, but not with the session tags and source identity we bring",
            "Deploy the current role template again: its trust policy allows sts:TagSession and sts:SetSourceIdentity.",
        )
    if facts.control_passed:
        return Verdict(
            Outcome.DENIED,
            "product_tag_missing",
            Actor.CUSTOMER,
            "The role does not carry the tag that marks it as ours to use",
            "Deploy the current role template again: it puts the product's tag on the role.",
        )
    if speaks_of_vendor(denial) or facts.own_side_works is False:
        return Verdict(Outcome.ERROR, "vendor_policy_refused", Actor.VENDOR, "Our own policy refused the call", _OURS)
    return Verdict(
        Outcome.DENIED,
        "role_not_assumable",
        Actor.CUSTOMER,
        "AWS does not let us enter the role yet",
        f"Likeliest first: (1) the role template is not deployed in account {target.account_id} yet, or AWS is still "
        f"spreading it, which can take a few minutes; (2) the role is not named exactly {role_arn}; (3) its trust "
        "policy holds another external ID than the one shown here; (4) its trust policy names another principal than "
        "ours, or was written before we recreated our role. Deploying the current role template again cures all four.",
    )


def finding(check: str, component: str, verdict: Verdict, *, detail: str = "", **measured: Any) -> Finding:
    """A finding for `verdict`; `measured` are the further fields of Finding."""
    return Finding(
        check=check,
        component=component,
        outcome=verdict.outcome,
        cause=verdict.cause,
        who=verdict.who,
        title=verdict.title,
        fix=verdict.fix,
        detail=detail,
        **measured,
    )


def passed(check: str, component: str, title: str, *, cause: str = "allowed", **measured: Any) -> Finding:
    return Finding(
        check=check,
        component=component,
        outcome=Outcome.PASSED,
        cause=cause,
        who=Actor.NOBODY,
        title=title,
        **measured,
    )


def skipped(check: str, component: str, cause: str, title: str, **measured: Any) -> Finding:
    return Finding(
        check=check,
        component=component,
        outcome=Outcome.SKIPPED,
        cause=cause,
        who=Actor.NOBODY,
        title=title,
        **measured,
    )
