"""A refusal of B → C, untangled. Pure functions.

STS rarely says which side refused, so what the trust-test found is evidence. A text that names an identity or session
policy speaks of B and is the vendor's; the trust policy is the customer's. A bare text is read in this order: a
previous external ID still in place of the right one; the trust-test gets in with the right ID, so something about the
component's own session is refused; it gets in without the right ID, so the trust is open and not mistyped; the role is
young; else the causes that are left, likeliest first.

What only the component's own session brings (its tags, its source identity, the session policy that narrows it) may be
refused by either side, in every chain. The customer is named for it only where the same session enters our stand-in.
"""

from dataclasses import dataclass

from integrations.aws.errors import Denial, PolicyType, Refused, Retry, read_denial
from integrations.aws.report import Actor, Outcome, VerificationTarget
from integrations.aws.verdicts import LATER, OURS, Verdict, and_run_again, restore_trust
from integrations.aws.words import gettext_noop

_OUR_POLICY = Verdict(
    Outcome.ERROR, "vendor_policy_refused", Actor.VENDOR, gettext_noop("Our own policy refused the call"), OURS
)
_ORGANISATION = Verdict(
    Outcome.DENIED,
    "blocked_by_organisation",
    Actor.CUSTOMER_ORGANISATION,
    gettext_noop("A policy of your AWS organisation keeps us from entering the role"),
    gettext_noop("Ask the team that runs your AWS organisation to allow our role to assume this role."),
)
_PREVIOUS_ID = Verdict(
    Outcome.DENIED,
    "previous_external_id",
    Actor.CUSTOMER,
    gettext_noop("The role still asks for your previous external ID"),
    gettext_noop("Deploy the current role template: it holds your new external ID."),
)
_NEXT_ID = Verdict(
    Outcome.ERROR,
    "next_external_id_only",
    Actor.NOBODY,
    gettext_noop("The role takes your new external ID already, and the previous one no more"),
    gettext_noop("There is nothing to do: we use the new one from now on."),
)
_SESSION_REFUSED = Verdict(
    Outcome.DENIED,
    "trust_refuses_session",
    Actor.CUSTOMER,
    gettext_noop("The role's trust policy lets us in, but not with the session tags and source identity we bring"),
    and_run_again(
        gettext_noop(
            "Put the trust policy of the current role template in place again: it allows sts:TagSession and "
            "sts:SetSourceIdentity."
        )
    ),
)
_TAG_MISSING = Verdict(
    Outcome.DENIED,
    "product_tag_missing",
    Actor.CUSTOMER,
    gettext_noop("The role does not carry the tag that marks it as ours to use"),
    and_run_again(gettext_noop("Put the product's tag on the role.")),
)
NOT_EXPLAINED = Verdict(
    Outcome.ERROR,
    "refusal_not_explained",
    Actor.NOBODY,
    gettext_noop("AWS refused us, and gave no answer when we asked why"),
    LATER,
)
_OPEN = Verdict(
    Outcome.DENIED,
    "trust_open_but_refused",
    Actor.CUSTOMER,
    gettext_noop("The role refuses us, yet it lets callers in without your external ID"),
    and_run_again(
        gettext_noop(
            "Put the trust policy of the current role template in place again: it asks for your external ID in "
            "every statement that lets us in, and the role has the product tag."
        )
    ),
)


# An identity-based policy of ours asks something of the role, its tag; these never do.
_OF_THE_CALLER_WHATEVER_THE_ROLE = (
    PolicyType.SESSION,
    PolicyType.BOUNDARY,
    PolicyType.SERVICE_CONTROL,
    PolicyType.VPC_ENDPOINT,
)
_PASSES_CONTEXT = ("sts:TagSession", "sts:SetSourceIdentity")


def speaks_of_vendor(denial: Denial) -> bool:
    """Whether a refusal of B → C says that the caller's side refused: B's policies, or those of our organisation.

    Service control policies and boundaries bind the caller, which is B; resource control policies bind the role.
    """
    return denial.policy_type is PolicyType.IDENTITY or denial.policy_type in _OF_THE_CALLER_WHATEVER_THE_ROLE


def names_session_context(failure: Refused) -> bool:
    """Whether it is the tags or the source identity that AWS refuses."""
    return read_denial(failure.text).action in _PASSES_CONTEXT


@dataclass(frozen=True)
class TrustFacts:
    """What is known beside the refusal: None where no answer was had.

    `own_side_works` says that a trust-test session enters a role of ours, `component_side_works` that the component's
    own session enters our stand-in for a customer's role, which carries the product tag.
    """

    control_passed: bool | None = None
    enters_without_id: bool | None = None
    enters_with_wrong_id: bool | None = None
    enters_with_previous_id: bool = False
    enters_with_next_id: bool = False
    own_side_works: bool | None = None
    component_side_works: bool | None = None


def judge_customer_refusal(
    failure: Refused, facts: TrustFacts, target: VerificationTarget, role_arn: str, *, abac: bool = True
) -> Verdict:
    """What a refusal of B → C means. Only in the `abac` chain do our own policies ask for the product tag."""
    denial = read_denial(failure.text)
    if denial.policy_type is PolicyType.RESOURCE_CONTROL:
        return _ORGANISATION
    if denial.policy_type in _OF_THE_CALLER_WHATEVER_THE_ROLE or facts.component_side_works is False:
        return _OUR_POLICY
    if denial.policy_type is PolicyType.IDENTITY:
        may_be_the_tag = abac and facts.control_passed and denial.action not in _PASSES_CONTEXT
        return _if_ours_works(facts, _TAG_MISSING) if may_be_the_tag and not denial.explicit else _OUR_POLICY
    by_trust = denial.policy_type in (PolicyType.ROLE_TRUST, PolicyType.RESOURCE)
    if facts.enters_with_previous_id and not facts.control_passed:
        return _PREVIOUS_ID
    if facts.enters_with_next_id and not facts.control_passed:
        return _NEXT_ID
    if denial.action in _PASSES_CONTEXT:
        refused = _context_refused(denial.action)
        return refused if by_trust else _if_ours_works(facts, refused)
    if facts.control_passed:
        if by_trust:
            return _SESSION_REFUSED
        return _if_ours_works(facts, _TAG_MISSING if abac else _SESSION_REFUSED)
    if facts.enters_without_id or facts.enters_with_wrong_id:
        return _OPEN
    if facts.own_side_works is False:
        return _OUR_POLICY
    remaining = _remaining_causes(target, role_arn)
    if failure.retry is Retry.WHILE_YOUNG and target.is_young:
        return Verdict(
            Outcome.DENIED,
            "role_young",
            Actor.NOBODY,
            gettext_noop("Waiting for AWS, which takes up to some minutes to spread a new role"),
            f"There is nothing to do yet: it is tried again by itself. Should it stay so: {remaining}",
        )
    return Verdict(
        Outcome.DENIED,
        "role_not_assumable",
        Actor.CUSTOMER,
        gettext_noop("AWS does not let us enter the role yet"),
        remaining,
    )


def _if_ours_works(facts: TrustFacts, verdict: Verdict) -> Verdict:
    """`verdict` names the customer, so only where the component's own session enters our stand-in."""
    return verdict if facts.component_side_works else NOT_EXPLAINED


def _context_refused(action: str) -> Verdict:
    return Verdict(
        Outcome.DENIED,
        "trust_lacks_tag_session" if action == "sts:TagSession" else "trust_lacks_source_identity",
        Actor.CUSTOMER,
        f"The role's trust policy does not allow {action}",
        restore_trust(f"it allows {action} for our role"),
    )


def _remaining_causes(target: VerificationTarget, role_arn: str) -> str:
    return (
        f"Likeliest first: (1) the role template is not deployed in account {target.account_id} yet: deploy it; (2) "
        f"the role is not named exactly {role_arn}, in name, path and case: deploy the template unchanged; (3) its "
        "trust policy holds another external ID than the one shown here: copy this one into it; (4) its trust policy "
        "names another principal than ours, or was written before we recreated our role: write our role's ARN into it "
        "anew; (5) a further condition in its trust policy keeps us out: take it away. The current role template, put "
        "in place again, cures these five. Else (6) a resource control policy of your AWS organisation keeps outsiders "
        "out, which AWS does not tell us: ask the team that runs it to except our role."
    )
