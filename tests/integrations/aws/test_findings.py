"""The table of AccessDenied texts, row by row: who must act, and that a fault of ours is never the customer's."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.aws.customer_refusals import TrustFacts, judge_customer_refusal
from integrations.aws.errors import (
    ClockSkewed,
    Refused,
    RegionDisabled,
    RequestInvalid,
    ServiceNotAvailable,
    SessionPolicyInvalid,
    Throttled,
    Unreachable,
    VendorCredentialsInvalid,
)
from integrations.aws.findings import (
    explain_refusal,
    judge_failure,
    judge_probe_failure,
    judge_vendor_hop_failure,
)
from integrations.aws.inspection import Simulation
from integrations.aws.narrowing import Narrowing
from integrations.aws.report import Actor, Outcome
from tests.integrations.aws.builders import ROLE_ARN, make_permission, make_target

PREFIX = "User: arn:aws:sts::222222222222:assumed-role/r/s is not authorized to perform: "


def refused(text, action="ec2:DescribeInstances"):
    return Refused("AccessDenied", f"{PREFIX}{action} on resource: * {text}", "req-1")


@pytest.mark.parametrize(
    ("text", "outcome", "cause", "who"),
    [
        ("because no identity-based policy allows the x action", "denied", "missing_permission", Actor.CUSTOMER),
        (
            "with an explicit deny in an identity-based policy",
            "denied",
            "blocked_by_customer_policy",
            Actor.CUSTOMER,
        ),
        (
            "with an explicit deny in a service control policy",
            "denied",
            "blocked_by_organisation",
            Actor.CUSTOMER_ORGANISATION,
        ),
        (
            "because no service control policy allows the x action",
            "denied",
            "blocked_by_organisation",
            Actor.CUSTOMER_ORGANISATION,
        ),
        (
            "with an explicit deny in a resource control policy",
            "denied",
            "blocked_by_organisation",
            Actor.CUSTOMER_ORGANISATION,
        ),
        ("because no permissions boundary allows the x action", "denied", "blocked_by_boundary", Actor.CUSTOMER),
        ("with an explicit deny in a permissions boundary", "denied", "blocked_by_boundary", Actor.CUSTOMER),
        ("because no session policy allows the x action", "error", "our_session_policy", Actor.VENDOR),
        ("with an explicit deny in a session policy", "error", "our_session_policy", Actor.VENDOR),
        (
            "because no resource-based policy allows the x action",
            "denied",
            "blocked_by_resource_policy",
            Actor.CUSTOMER,
        ),
        ("with an explicit deny in a resource-based policy", "denied", "blocked_by_resource_policy", Actor.CUSTOMER),
        ("because no VPC endpoint policy allows the x action", "error", "our_network", Actor.VENDOR),
        ("with an explicit deny in a VPC endpoint policy", "error", "our_network", Actor.VENDOR),
        ("", "denied", "refused_without_reason", Actor.CUSTOMER),
    ],
)
def test_a_refused_probe_names_who_must_act(text, outcome, cause, who):
    verdict = judge_probe_failure(refused(text))

    assert (verdict.outcome, verdict.cause, verdict.who) == (outcome, cause, who)
    assert verdict.title
    assert verdict.fix


def test_a_resource_policy_names_its_resource():
    text = f'{PREFIX}s3:ListBucket on resource: "arn:aws:s3:::logs" with an explicit deny in a resource-based policy'

    verdict = judge_probe_failure(Refused("AccessDenied", text))

    assert "arn:aws:s3:::logs" in verdict.title
    assert "arn:aws:s3:::logs" in verdict.fix


def test_an_encoded_reason_comes_with_the_command_that_reads_it():
    text = "You are not authorized to perform this operation. Encoded authorization failure message: x4y"

    verdict = judge_probe_failure(Refused("UnauthorizedOperation", text))

    assert verdict.cause == "refused_with_encoded_reason"
    assert verdict.fix.endswith("--encoded-message x4y")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("because no identity-based policy allows the kms:Decrypt action", "probe_needs_more"),
        ("", "probe_needs_more"),
        ("with an explicit deny in a service control policy", "blocked_by_organisation"),
    ],
)
def test_a_probe_that_needs_an_action_we_never_asked_for_is_our_fault(text, cause):
    verdict = judge_probe_failure(refused(text, "kms:Decrypt"), ["ec2:DescribeInstances"])

    assert verdict.cause == cause
    assert (verdict.who is Actor.VENDOR) == (cause == "probe_needs_more")


@pytest.mark.parametrize(
    ("narrowing", "who"),
    [
        (Narrowing.ACTIONS, Actor.VENDOR),
        (Narrowing.SERVICES, Actor.VENDOR),
        (Narrowing.MANAGED_POLICIES, Actor.CUSTOMER),
    ],
)
def test_a_session_policy_is_ours_unless_it_is_made_of_the_customers_own_policies(narrowing, who):
    verdict = judge_probe_failure(refused("because no session policy allows the x action"), narrowing=narrowing)

    assert verdict.who is who


def test_the_action_that_was_asked_for_is_known_in_any_case():
    text = "because no identity-based policy allows the ec2:DescribeInstances action"

    assert judge_probe_failure(refused(text), ["EC2:describeinstances"]).cause == "missing_permission"


NEWER = make_permission(since="1.2.0")


@pytest.mark.parametrize(
    ("deployed", "cause"),
    [
        ("1.1.9", "role_outdated"),
        ("0.10.0", "role_outdated"),
        ("1.2.0", "missing_permission"),
        ("1.10.0", "missing_permission"),
        ("", "missing_permission"),
        ("latest", "missing_permission"),
    ],
)
def test_a_role_older_than_the_permission_is_outdated_and_not_at_fault(deployed, cause):
    live = judge_probe_failure(refused("because no identity-based policy allows the x action"))

    assert explain_refusal(live, NEWER, deployed_version=deployed).cause == cause


SIMULATED = {
    "implicit": (Simulation("x:Y", "implicitDeny"), "missing_permission"),
    "explicit": (Simulation("x:Y", "explicitDeny"), "blocked_by_customer_policy"),
    "organisation": (Simulation("x:Y", "implicitDeny", blocked_by_organisation=True), "blocked_by_organisation"),
    "boundary": (Simulation("x:Y", "implicitDeny", blocked_by_boundary=True), "blocked_by_boundary"),
    "allowed": (Simulation("x:Y", "allowed"), "blocked_beyond_the_role"),
    "perhaps": (Simulation("x:Y", "explicitDeny", not_told=("aws:sourceip",)), "refused_without_reason"),
}


@pytest.mark.parametrize(("simulation", "cause"), SIMULATED.values(), ids=SIMULATED)
def test_a_simulation_names_what_aws_did_not_and_never_makes_a_refusal_a_pass(simulation, cause):
    verdict = explain_refusal(judge_probe_failure(refused("")), make_permission(), simulation=simulation)

    assert (verdict.outcome, verdict.cause) == (Outcome.DENIED, cause)


def test_a_simulation_never_overrides_what_aws_said():
    live = judge_probe_failure(refused("with an explicit deny in a service control policy"))

    assert explain_refusal(live, make_permission(), simulation=Simulation("x:Y", "allowed")) == live


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (ServiceNotAvailable("OptInRequired"), Outcome.NOT_APPLICABLE),
        (RegionDisabled("RegionDisabledException"), Outcome.NOT_APPLICABLE),
        (VendorCredentialsInvalid("UnrecognizedClientException"), Outcome.NOT_APPLICABLE),
        (Throttled("Throttling"), Outcome.THROTTLED),
        (Unreachable("ReadTimeoutError"), Outcome.ERROR),
        (RequestInvalid("ValidationError"), Outcome.ERROR),
    ],
)
def test_a_probe_that_failed_otherwise_is_neither_passed_nor_denied(failure, outcome):
    assert judge_probe_failure(failure).outcome is outcome


@pytest.mark.parametrize(
    "failure",
    [
        refused("because no identity-based policy allows the sts:AssumeRole action"),
        refused("because no session policy allows the sts:AssumeRole action"),
        refused("because no role trust policy allows the sts:AssumeRole action"),
        refused(""),
        RequestInvalid("ValidationError"),
        SessionPolicyInvalid("PackedPolicyTooLarge"),
        VendorCredentialsInvalid("InvalidClientTokenId"),
        ClockSkewed("RequestTimeTooSkewed"),
        RegionDisabled("RegionDisabledException"),
    ],
)
def test_whatever_fails_before_the_customers_account_is_the_vendors(failure):
    verdict = judge_vendor_hop_failure(failure)

    assert verdict.who is Actor.VENDOR
    assert verdict.outcome is Outcome.ERROR


@pytest.mark.parametrize("failure", [Throttled("Throttling"), Unreachable("ReadTimeoutError")])
def test_load_and_broken_networks_are_nobodys(failure):
    assert judge_vendor_hop_failure(failure).who is Actor.NOBODY
    assert judge_failure(failure).who is Actor.NOBODY


def judge(text="", action="sts:AssumeRole", *, abac=True, **facts):
    return judge_customer_refusal(refused(text, action), TrustFacts(**facts), make_target(), ROLE_ARN, abac=abac)


ANY_CHAIN = pytest.mark.parametrize("abac", [True, False], ids=["abac", "direct or chained"])


@ANY_CHAIN
@pytest.mark.parametrize("control_passed", [True, False, None])
@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
@pytest.mark.parametrize(
    "text",
    [
        "because no session policy allows the action",
        "with an explicit deny in a session policy",
        "with an explicit deny in an identity-based policy",
        "with an explicit deny in a service control policy",
        "because no permissions boundary allows the action",
        "because no VPC endpoint policy allows the action",
    ],
)
def test_a_refusal_by_our_own_policy_is_never_the_customers(text, action, control_passed, abac):
    for component_side_works in (True, False, None):
        verdict = judge(
            text, action, abac=abac, control_passed=control_passed, component_side_works=component_side_works
        )

        assert (verdict.who, verdict.outcome, verdict.cause) == (Actor.VENDOR, Outcome.ERROR, "vendor_policy_refused")


@pytest.mark.parametrize(
    ("action", "control_passed", "abac"),
    [
        ("sts:AssumeRole", False, True),
        ("sts:AssumeRole", None, True),
        ("sts:AssumeRole", True, False),
        ("sts:TagSession", True, True),
        ("sts:TagSession", True, False),
        ("sts:SetSourceIdentity", True, True),
        ("sts:SetSourceIdentity", False, False),
    ],
)
def test_what_our_identity_policy_does_not_allow_is_ours_unless_it_can_be_the_tag(action, control_passed, abac):
    text = "because no identity-based policy allows the action"

    verdict = judge(text, action, abac=abac, control_passed=control_passed, component_side_works=True)

    assert (verdict.who, verdict.cause) == (Actor.VENDOR, "vendor_policy_refused")


def test_a_refusal_by_the_trust_policy_is_the_customers():
    verdict = judge("because no role trust policy allows the sts:AssumeRole action", control_passed=False)

    assert (verdict.who, verdict.cause) == (Actor.CUSTOMER, "role_not_assumable")


def test_a_refused_trust_test_beside_it_leaves_the_likely_causes_in_order():
    verdict = judge(control_passed=False)

    assert verdict.cause == "role_not_assumable"
    assert verdict.fix.index("not deployed") < verdict.fix.index(ROLE_ARN) < verdict.fix.index("another external ID")


@pytest.mark.parametrize("text", ["", "because no identity-based policy allows the sts:AssumeRole action"])
def test_a_trust_test_that_gets_in_beside_it_means_that_the_product_tag_is_missing(text):
    assert judge(text, control_passed=True, component_side_works=True).cause == "product_tag_missing"


@ANY_CHAIN
@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
def test_a_component_session_that_enters_no_role_of_ours_either_is_our_fault(action, abac):
    verdict = judge("", action, abac=abac, control_passed=True, component_side_works=False)

    assert (verdict.outcome, verdict.who, verdict.cause) == (Outcome.ERROR, Actor.VENDOR, "vendor_policy_refused")


@ANY_CHAIN
@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
def test_a_component_session_of_which_nothing_is_known_blames_nobody(action, abac):
    verdict = judge("", action, abac=abac, control_passed=True)

    assert (verdict.outcome, verdict.who, verdict.cause) == (Outcome.ERROR, Actor.NOBODY, "refusal_not_explained")


@ANY_CHAIN
def test_a_trust_policy_that_refuses_only_the_components_session_is_told_apart(abac):
    text = "because no role trust policy allows the sts:AssumeRole action"

    assert judge(text, abac=abac, control_passed=True).cause == "trust_refuses_session"


def test_where_our_policies_ask_for_no_tag_a_refused_component_session_is_the_trust_policys():
    verdict = judge(abac=False, control_passed=True, component_side_works=True)

    assert (verdict.who, verdict.cause) == (Actor.CUSTOMER, "trust_refuses_session")


def test_a_previous_external_id_still_in_place_comes_before_all_other_causes():
    assert judge(control_passed=False, enters_with_previous_id=True).cause == "previous_external_id"


@pytest.mark.parametrize("fact", ["enters_without_id", "enters_with_wrong_id"])
def test_an_open_trust_beside_it_is_no_typing_mistake(fact):
    assert judge(control_passed=False, **{fact: True}).cause == "trust_open_but_refused"


@pytest.mark.parametrize(
    ("ago", "cause", "who"),
    [
        (timedelta(), "role_young", Actor.NOBODY),
        (timedelta(minutes=4), "role_young", Actor.NOBODY),
        (timedelta(minutes=6), "role_not_assumable", Actor.CUSTOMER),
        (None, "role_not_assumable", Actor.CUSTOMER),
    ],
)
def test_a_role_that_was_deployed_a_moment_ago_is_waited_for(ago, cause, who):
    target = make_target(said_deployed_at=None if ago is None else datetime.now(UTC) - ago)

    verdict = judge_customer_refusal(refused(""), TrustFacts(control_passed=False), target, ROLE_ARN)

    assert (verdict.cause, verdict.who) == (cause, who)
    assert "not deployed" in verdict.fix


@ANY_CHAIN
def test_while_both_external_ids_get_in_the_previous_one_is_no_cause(abac):
    verdict = judge(abac=abac, control_passed=True, enters_with_previous_id=True, component_side_works=True)

    assert verdict.cause == ("product_tag_missing" if abac else "trust_refuses_session")


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({"enters_with_previous_id": True, "enters_without_id": True}, "previous_external_id"),
        ({"control_passed": True, "enters_without_id": True}, "product_tag_missing"),
        ({"enters_without_id": True}, "trust_open_but_refused"),
        ({}, "role_young"),
    ],
)
def test_the_causes_are_tried_in_their_order(facts, cause):
    """Each fact with all that come after it: the earlier one gives the cause."""
    young = make_target(said_deployed_at=datetime.now(UTC))
    known = TrustFacts(**facts, component_side_works=True)

    assert judge_customer_refusal(refused(""), known, young, ROLE_ARN).cause == cause


@pytest.mark.parametrize(
    ("action", "cause"),
    [("sts:TagSession", "trust_lacks_tag_session"), ("sts:SetSourceIdentity", "trust_lacks_source_identity")],
)
@ANY_CHAIN
@pytest.mark.parametrize("text", ["", "because no role trust policy allows the action"])
def test_an_action_missing_from_the_trust_policy_is_named(text, action, cause, abac):
    verdict = judge(text, action, abac=abac, control_passed=True, component_side_works=True)

    assert verdict.cause == cause
    assert action in verdict.fix


def test_a_trust_policy_that_aws_names_needs_no_proof_of_our_own_side():
    text = "because no role trust policy allows the action"

    assert judge(text, "sts:TagSession").cause == "trust_lacks_tag_session"


def test_a_policy_of_the_organisation_is_the_organisations():
    verdict = judge("with an explicit deny in a resource control policy", control_passed=False)

    assert verdict.who is Actor.CUSTOMER_ORGANISATION
