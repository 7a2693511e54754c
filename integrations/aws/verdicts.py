"""What a failure means: who must act, what it means, what to do. The tables of refusals, apart from their reading."""

from dataclasses import dataclass

from integrations.aws.errors import PolicyType
from integrations.aws.report import Actor, Outcome
from integrations.aws.words import gettext_noop

OURS = gettext_noop("There is nothing for you to do: this is a fault on our side, and our support staff can see it.")
LATER = gettext_noop("There is nothing to do: it is tried again by itself.")
# An update of a stack whose template did not change is refused ("No updates are to be performed"), whatever was changed
# by hand. Source: CloudFormation user guide, "Using drift-aware change sets".
RUN_AGAIN = gettext_noop(
    "Terraform and our script do it when they are run again; CloudFormation does not see what was changed by hand, "
    "unless a change set is told to revert drift."
)


def and_run_again(fix: str) -> str:
    """What to do, in whole sentences, about something that was changed by hand; and what does it by itself."""
    return f"{fix} {RUN_AGAIN}"


def restore_trust(what: str) -> str:
    """What to do about a trust policy that was changed by hand; `what` is what it must say, as a clause with values."""
    return and_run_again(f"Put the trust policy of the current role template in place again: {what}.")


# What a rotation has left behind is in the template that was deployed, and nobody changed it by hand.
MOVE_TO_ONE_ID = and_run_again(
    gettext_noop(
        "Deploy the current role template, whose StringEquals sts:ExternalId holds your external ID alone. Where AWS "
        "finds nothing to update, somebody changed the trust policy by hand: put that of the template in place again."
    )
)


@dataclass(frozen=True)
class Verdict:
    """What a failure means, for one finding."""

    outcome: Outcome
    cause: str
    who: Actor
    title: str
    fix: str


NO_ANSWER = Verdict(Outcome.ERROR, "aws_unreachable", Actor.NOBODY, gettext_noop("AWS gave no answer"), LATER)
THROTTLED = Verdict(Outcome.THROTTLED, "throttled", Actor.NOBODY, gettext_noop("AWS asked us to slow down"), LATER)
REGION_NOT_ENABLED = Verdict(
    Outcome.NOT_APPLICABLE,
    "region_not_enabled",
    Actor.NOBODY,
    gettext_noop("Not available in this account and region"),
    gettext_noop(
        "There is nothing to do, unless you use this service in this region: then switch it on in your account."
    ),
)
STS_SWITCHED_OFF = Verdict(
    Outcome.DENIED,
    "region_disabled",
    Actor.CUSTOMER,
    gettext_noop("AWS STS is switched off in your account, in every region we tried"),
    gettext_noop("Activate STS for at least one region: IAM console, account settings, security token service."),
)
ROLE_OUTDATED = Verdict(
    Outcome.NOT_APPLICABLE,
    "role_outdated",
    Actor.CUSTOMER,
    gettext_noop("The role was made for an older version, which did not have this permission"),
    gettext_noop("Update the role with the current role template when it suits you: it adds this permission."),
)
# The text names an action that is not the component's: our session policy, made of those, could not allow it.
PROBE_NEEDS_MORE = Verdict(
    Outcome.ERROR,
    "probe_needs_more",
    Actor.VENDOR,
    gettext_noop("Our own test asks for more than this permission"),
    OURS,
)
BEYOND_SIMULATION = Verdict(
    Outcome.DENIED,
    "blocked_beyond_the_role",
    Actor.CUSTOMER,
    gettext_noop("AWS refused this, though the role itself allows it"),
    gettext_noop(
        "The role, its boundary and the service control policies allow it, as AWS's policy simulation says. What is "
        "left is a resource control policy of your organisation, or the policy of the resource itself."
    ),
)

# Read as in the IAM user guide, "Troubleshoot access denied error messages": the kind of policy, and whether it denies
# explicitly. For calls made with the customer role's credentials.
REFUSAL_OF_PROBE: dict[tuple[PolicyType | None, bool], Verdict] = {
    (PolicyType.IDENTITY, False): Verdict(
        Outcome.DENIED,
        "missing_permission",
        Actor.CUSTOMER,
        gettext_noop("The role does not have this permission"),
        and_run_again(
            gettext_noop(
                "Put the permissions of the current role template in place: this one was left out or taken away."
            )
        ),
    ),
    (PolicyType.IDENTITY, True): Verdict(
        Outcome.DENIED,
        "blocked_by_customer_policy",
        Actor.CUSTOMER,
        gettext_noop("A policy on the role forbids this"),
        gettext_noop("Remove the Deny for this action from the policies attached to the role."),
    ),
    (PolicyType.SERVICE_CONTROL, True): Verdict(
        Outcome.DENIED,
        "blocked_by_organisation",
        Actor.CUSTOMER_ORGANISATION,
        gettext_noop("Your organisation's service control policy blocks this"),
        gettext_noop("Ask the team that runs your AWS organisation to allow this action for the role."),
    ),
    (PolicyType.RESOURCE_CONTROL, True): Verdict(
        Outcome.DENIED,
        "blocked_by_organisation",
        Actor.CUSTOMER_ORGANISATION,
        gettext_noop("Your organisation's resource control policy blocks this"),
        gettext_noop("Ask the team that runs your AWS organisation to allow this action for the role."),
    ),
    (PolicyType.BOUNDARY, True): Verdict(
        Outcome.DENIED,
        "blocked_by_boundary",
        Actor.CUSTOMER,
        gettext_noop("The role's permissions boundary blocks this"),
        gettext_noop("Ask the owner of the permissions boundary to allow this action, or change the role's boundary."),
    ),
    (PolicyType.SESSION, True): Verdict(
        Outcome.ERROR, "our_session_policy", Actor.VENDOR, gettext_noop("Our own session policy blocks this"), OURS
    ),
    (PolicyType.RESOURCE, True): Verdict(
        Outcome.DENIED,
        "blocked_by_resource_policy",
        Actor.CUSTOMER,
        gettext_noop("The policy of this resource blocks this"),
        gettext_noop("Ask the owner of the resource to allow the role in the resource's own policy."),
    ),
    (PolicyType.VPC_ENDPOINT, True): Verdict(
        Outcome.ERROR, "our_network", Actor.VENDOR, gettext_noop("Our own network blocks this"), OURS
    ),
    (None, False): Verdict(
        Outcome.DENIED,
        "refused_without_reason",
        Actor.CUSTOMER,
        gettext_noop("AWS refused this without saying why"),
        gettext_noop(
            "Check that the role has this permission, as the current role template gives it; then ask the team that "
            "runs your AWS organisation whether a policy of theirs blocks it."
        ),
    ),
}
# A text can say of any of these types that it merely does not allow: who must act is the same.
for _kind in (
    PolicyType.SERVICE_CONTROL,
    PolicyType.RESOURCE_CONTROL,
    PolicyType.BOUNDARY,
    PolicyType.SESSION,
    PolicyType.RESOURCE,
    PolicyType.VPC_ENDPOINT,
):
    REFUSAL_OF_PROBE[_kind, False] = REFUSAL_OF_PROBE[_kind, True]
