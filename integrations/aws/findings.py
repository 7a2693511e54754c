"""From what AWS answered to a finding: who must act, what it means, what to do. Pure functions.

Refusals are read by hop. On A → B everything is the vendor's. On B → C see customer_refusals.py. With C's credentials
the table of policy types in verdicts.py holds. A failure of ours is never shown as the customer's.
"""

from collections.abc import Sequence
from dataclasses import replace
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
    read_denial,
)
from integrations.aws.inspection import Simulation
from integrations.aws.narrowing import Narrowing
from integrations.aws.report import Actor, Finding, Outcome
from integrations.aws.verdicts import (
    BEYOND_SIMULATION,
    LATER,
    NO_ANSWER,
    OURS,
    PROBE_NEEDS_MORE,
    REFUSAL_OF_PROBE,
    REGION_NOT_ENABLED,
    ROLE_OUTDATED,
    STS_SWITCHED_OFF,
    THROTTLED,
    Verdict,
)
from integrations.aws.words import gettext_noop
from integrations.catalogue import Permission

# What a region that is not switched on says of credentials that are fresh from STS and good. That a signature is wrong
# or lacking is not among it: that is ours, wherever it is said.
_UNKNOWN_HERE = frozenset({"AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"})


def judge_probe_failure(
    failure: AwsCallFailed, asked: Sequence[str] = (), narrowing: Narrowing | None = None
) -> Verdict:
    """What a failed call with the customer role's credentials means; `asked` are the actions its session may do.

    Where the session is narrowed by managed policies, those are the customer's: what they lack, the role lacks.
    """
    if isinstance(failure, Refused):
        denial = read_denial(failure.text)
        if denial.policy_type is PolicyType.SESSION and narrowing is Narrowing.MANAGED_POLICIES:
            denial = replace(denial, policy_type=PolicyType.IDENTITY)
        return _judge_denial(denial, asked)
    if isinstance(failure, ServiceNotAvailable | RegionDisabled) or failure.code in _UNKNOWN_HERE:
        return REGION_NOT_ENABLED
    return judge_failure(failure)


def _judge_denial(denial: Denial, asked: Sequence[str]) -> Verdict:
    verdict = REFUSAL_OF_PROBE.get((denial.policy_type, denial.explicit), REFUSAL_OF_PROBE[None, False])
    named = denial.policy_type in (None, PolicyType.IDENTITY) and not denial.explicit
    if named and asked and denial.action and denial.action.lower() not in {action.lower() for action in asked}:
        return PROBE_NEEDS_MORE
    if denial.policy_type is PolicyType.RESOURCE and denial.resource not in ("", "*"):
        return replace(
            verdict,
            title=f"The policy of {denial.resource} blocks this",
            fix=f"Ask the owner of {denial.resource} to allow the role in the resource's own policy.",
        )
    if denial.policy_type is None and denial.encoded:
        return replace(
            verdict,
            cause="refused_with_encoded_reason",
            title=gettext_noop("AWS refused this and gave its reason in code"),
            fix="Somebody who may use sts:DecodeAuthorizationMessage in your account can read the reason: "
            f"aws sts decode-authorization-message --query DecodedMessage --encoded-message {denial.encoded}",
        )
    return verdict


def judge_simulation(simulation: Simulation) -> Verdict | None:
    """What AWS's policy simulation says of a permission; None where it is allowed."""
    if simulation.decision == "allowed":
        return None
    if simulation.blocked_by_organisation:
        return REFUSAL_OF_PROBE[PolicyType.SERVICE_CONTROL, True]
    if simulation.blocked_by_boundary:
        return REFUSAL_OF_PROBE[PolicyType.BOUNDARY, True]
    return REFUSAL_OF_PROBE[PolicyType.IDENTITY, simulation.decision == "explicitDeny"]


def explain_refusal(
    live: Verdict, permission: Permission, *, simulation: Simulation | None = None, deployed_version: str = ""
) -> Verdict:
    """The verdict on a refused probe in the light of what the role tells of itself.

    The live refusal stands whatever the simulation says; the simulation names the policy where AWS's text did not, and
    the deployed version says whether the role ever had the permission. Before it has, it is nobody's fault.
    """
    verdict = live
    tells = simulation is not None and (simulation.decision == "allowed" or not simulation.not_told)
    if simulation is not None and tells and live.cause in ("refused_without_reason", "refused_with_encoded_reason"):
        verdict = judge_simulation(simulation) or BEYOND_SIMULATION
    if verdict.outcome is Outcome.DENIED and permission.is_newer_than(deployed_version):
        verdict = ROLE_OUTDATED
    return verdict


def judge_vendor_hop_failure(failure: AwsCallFailed) -> Verdict:
    """What a failure before the customer's account means: load and broken networks apart, it is the vendor's."""
    if isinstance(failure, Throttled | Unreachable):
        return judge_failure(failure)
    cause = "vendor_role_refused" if isinstance(failure, Refused) else failure.cause
    return Verdict(Outcome.ERROR, cause, Actor.VENDOR, gettext_noop("We could not reach our own role"), OURS)


def judge_failure(failure: AwsCallFailed) -> Verdict:
    """What a failure that is no refusal means, wherever it happens."""
    if isinstance(failure, Throttled):
        return THROTTLED
    if isinstance(failure, Unreachable):
        return NO_ANSWER
    if failure.who is Actor.VENDOR:
        return Verdict(Outcome.ERROR, failure.cause, Actor.VENDOR, gettext_noop("We could not make this call"), OURS)
    if isinstance(failure, RegionDisabled):
        return STS_SWITCHED_OFF
    return Verdict(
        Outcome.ERROR, failure.cause, failure.who, gettext_noop("AWS gave an answer we did not expect"), LATER
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
