"""Whom the customer's trust policy must refuse, tried live against roles of the sandbox that do not: F6, F7, F8."""

import copy
import json

import pytest

from integrations.aws.chain import VendorSide, try_customer_role
from integrations.aws.checks import trust as trust_checks
from integrations.aws.customer_stack import create_or_update_stack
from integrations.aws.errors import Refused, SessionExpired, Throttled
from integrations.aws.report import Actor, Outcome, role_status
from integrations.aws.vendor_setup import POLICY_NAME
from integrations.aws.verify import check_trust, verify_role
from integrations.role_templates.cloudformation import render_yaml
from integrations.role_templates.document import RoleSet
from tests.integrations.aws.builders import EXTERNAL_ID
from tests.integrations.aws.conftest import root_client

ALL_CHAINS = pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)


def verify(vendor, target, **options):
    return verify_role(vendor, target, on_finding=lambda finding: None, **options)


def found(report, check, action=""):
    [finding] = [finding for finding in report.findings if (finding.check, finding.action) == (check, action)]
    return finding


def open_trust(customer, condition=None, **changes):
    """The template's trust policy with another condition on sts:AssumeRole."""
    trust = copy.deepcopy(customer.document().trust_policy)
    trust["Statement"][0].pop("Condition")
    if condition:
        trust["Statement"][0]["Condition"] = condition
    trust["Statement"][0].update(changes)
    return trust


@ALL_CHAINS
def test_f06_a_role_without_the_external_id_condition_is_unsafe(vendor, customer):
    customer.deploy(trust=open_trust(customer))

    report = verify(vendor, customer.target())

    assert role_status(report) == "unsafe"
    for check in ("trust.no_external_id", "trust.wrong_external_id"):
        finding = found(report, check)
        assert (finding.outcome, finding.who) == (Outcome.VIOLATED, Actor.CUSTOMER)
        assert "StringEquals sts:ExternalId" in finding.fix


@pytest.mark.parametrize(
    ("condition", "violated"),
    [
        ({"StringLike": {"sts:ExternalId": "*"}}, {"trust.wrong_external_id"}),
        ({"StringEqualsIfExists": {"sts:ExternalId": EXTERNAL_ID}}, {"trust.no_external_id"}),
        ({"ForAllValues:StringEquals": {"sts:ExternalId": EXTERNAL_ID}}, {"trust.no_external_id"}),
        ({"Null": {"sts:ExternalId": "false"}}, {"trust.wrong_external_id"}),
        ({"StringNotEquals": {"sts:ExternalId": "somebody-else"}}, {"trust.no_external_id", "trust.wrong_external_id"}),
    ],
)
def test_f07_a_wrong_operator_is_caught(vendor, customer, condition, violated):
    customer.deploy(trust=open_trust(customer, condition))

    report = verify(vendor, customer.target())

    assert role_status(report) == "unsafe"
    assert {finding.check for finding in report.findings if finding.outcome is Outcome.VIOLATED} == violated


OUR_ID = "rb-k7q2mzx4ahw5tnc3vyd6pjb2eufr7sgl"


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "rb-*",
        "rb-" + "?" * 32,
        f"{OUR_ID[:10]}*",
        f"{OUR_ID}*",
        f"{OUR_ID[:-1]}?",
        f"*{OUR_ID[-4:]}",
        f"rb-*{OUR_ID[-4:]}",
        f"{OUR_ID[:5]}*{OUR_ID[-5:]}",
        f"{OUR_ID[:10]}{'?' * 15}{OUR_ID[25:]}",
    ],
)
def test_f07_a_wildcard_is_caught_whichever_part_of_the_id_it_leaves_open(vendor, customer, pattern):
    customer.deploy(trust=open_trust(customer, {"StringLike": {"sts:ExternalId": pattern}}))

    report = verify(vendor, customer.target(external_id=OUR_ID))

    assert role_status(report) == "unsafe"
    assert found(report, "trust.wrong_external_id").outcome is Outcome.VIOLATED


def test_f07_a_comparison_that_ignores_case_is_caught_and_said(vendor, customer):
    customer.deploy(trust=open_trust(customer, {"StringEqualsIgnoreCase": {"sts:ExternalId": OUR_ID}}))

    report = verify(vendor, customer.target(external_id=OUR_ID))

    assert role_status(report) == "unsafe"
    assert found(report, "trust.wrong_external_id").detail == "It let us in with your ID in another case."


def test_f07_a_second_statement_that_asks_for_nothing_is_caught(vendor, customer):
    trust = copy.deepcopy(customer.document().trust_policy)
    trust["Statement"].append({**open_trust(customer)["Statement"][0], "Sid": "Also"})
    customer.deploy(trust=trust)

    assert role_status(verify(vendor, customer.target())) == "unsafe"


def test_f07_a_second_statement_with_a_pattern_of_its_own_is_caught(vendor, customer):
    trust = copy.deepcopy(customer.document().trust_policy)
    pattern = {"StringLike": {"sts:ExternalId": "*7sgl"}}
    trust["Statement"].append({**open_trust(customer, pattern)["Statement"][0], "Sid": "Also"})
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": OUR_ID}}
    customer.deploy(trust=trust)

    assert role_status(verify(vendor, customer.target(external_id=OUR_ID))) == "unsafe"


def test_an_open_role_is_unsafe_even_where_the_chain_itself_is_refused(vendor, customer):
    customer.deploy(trust=open_trust(customer), tags={})

    report = verify(vendor, customer.target())

    assert role_status(report) == "unsafe"
    assert found(report, "chain.integration_to_customer").cause == "product_tag_missing"


@ALL_CHAINS
def test_a_role_that_lets_in_without_an_id_alone_is_open_and_not_mistyped(vendor, customer):
    customer.deploy(trust=open_trust(customer, {"Null": {"sts:ExternalId": "true"}}))

    report = verify(vendor, customer.target())

    refused = found(report, "chain.integration_to_customer")
    assert (refused.outcome, refused.cause, refused.who) == (
        Outcome.DENIED,
        "trust_open_but_refused",
        Actor.CUSTOMER,
    )
    assert found(report, "trust.control").cause == "control_refused"
    assert found(report, "trust.no_external_id").outcome is Outcome.VIOLATED
    assert role_status(report) == "unsafe"


def test_an_open_role_that_forgets_to_allow_tags_is_still_seen_to_be_open(vendor, customer):
    trust = open_trust(customer)
    del trust["Statement"][1]
    customer.deploy(trust=trust)

    assert role_status(verify(vendor, customer.target())) == "unsafe"


NOT_KNOWN = ("trust.no_external_id", "trust.wrong_external_id")


@ALL_CHAINS
def test_where_the_role_refuses_the_right_id_too_the_open_question_says_so(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer.target(external_id="rb-another-one"))

    for check in NOT_KNOWN:
        assert found(report, check).cause == "control_did_not_pass"
        assert found(report, check).title.endswith("the role refuses the right external ID too")


@pytest.mark.parametrize(
    "failure",
    [
        SessionExpired("ExpiredToken"),
        Throttled("Throttling"),
        Refused("AccessDenied", "is not authorized to perform: sts:AssumeRole because no session policy allows it"),
    ],
    ids=["expired", "throttled", "refused by our own policy"],
)
def test_a_control_that_failed_on_our_side_is_not_told_as_the_roles_refusal(vendor, customer, monkeypatch, failure):
    customer.deploy()
    real = try_customer_role

    def fail_the_control(side, target, launch, external_id):
        if external_id == target.external_id:
            raise failure
        return real(side, target, launch, external_id)

    monkeypatch.setattr(trust_checks, "try_customer_role", fail_the_control)

    report = verify(vendor, customer.target())

    for check in NOT_KNOWN:
        assert found(report, check).cause == "control_did_not_pass"
        assert found(report, check).title.endswith("our test with the right external ID came to no result")
    assert not any(finding.who is Actor.CUSTOMER for finding in report.findings)


@ALL_CHAINS
def test_where_our_own_side_refuses_everything_no_finding_says_that_the_role_does(vendor, customer, sandbox):
    customer.deploy()
    role = "compute-analysis" if vendor.chain == "direct" else "integration"
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    kept = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"])
    iam.delete_role_policy(RoleName=role, PolicyName=POLICY_NAME)
    try:
        report = verify(vendor, customer.target())
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=kept)

    for check in NOT_KNOWN:
        assert "the role refuses" not in found(report, check).title
    assert not any(finding.who is Actor.CUSTOMER for finding in report.findings)


# Who else gets in


@ALL_CHAINS
@pytest.mark.parametrize("principal", ["root", "*"])
def test_f08_a_trust_in_our_whole_account_or_in_everybody_is_unsafe(vendor, customer, principal):
    trust = copy.deepcopy(customer.document().trust_policy)
    for statement in trust["Statement"]:
        statement["Principal"] = {"AWS": vendor.account_root_arn if principal == "root" else "*"}
    customer.deploy(trust=trust)

    report = verify(vendor, customer.target())

    assert role_status(report) == "unsafe"
    assert found(report, "trust.canary").outcome is Outcome.VIOLATED
    assert found(report, "trust.no_external_id").outcome is Outcome.PASSED


@ALL_CHAINS
def test_f08_the_canary_is_refused_by_the_template_and_only_by_it(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer.target())

    assert found(report, "trust.canary_control").outcome is Outcome.PASSED
    assert found(report, "trust.canary").outcome is Outcome.PASSED


def test_f08_a_canary_that_our_own_policy_holds_back_proves_nothing(vendor, customer, sandbox):
    customer.deploy()
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    policy = iam.get_role_policy(RoleName="canary", PolicyName=POLICY_NAME)["PolicyDocument"]
    iam.delete_role_policy(RoleName="canary", PolicyName=POLICY_NAME)
    try:
        report = verify(vendor, customer.target())
    finally:
        iam.put_role_policy(RoleName="canary", PolicyName=POLICY_NAME, PolicyDocument=json.dumps(policy))

    assert found(report, "trust.canary").outcome is Outcome.SKIPPED
    control = found(report, "trust.canary_control")
    assert (control.outcome, control.who) == (Outcome.ERROR, Actor.VENDOR)
    assert role_status(report) == "no_verdict"


@pytest.fixture(params=["try_as_canary", "own_role_sts_by_region"])
def throttled_canary(request, monkeypatch):
    """AWS throttles the canary alone: its attempts, or the call by which we become it."""

    def throttled(*arguments):
        raise Throttled("Throttling", "Rate exceeded")

    if request.param == "try_as_canary":
        monkeypatch.setattr(trust_checks, "try_as_canary", throttled)
        return
    enter = VendorSide.own_role_sts_by_region
    monkeypatch.setattr(
        VendorSide, "own_role_sts_by_region", lambda side, role: throttled() if role == "canary" else enter(side, role)
    )


@pytest.mark.usefixtures("throttled_canary")
@pytest.mark.parametrize("open_to_root", [False, True])
def test_f08_without_an_answer_of_the_canary_no_role_is_called_connected_or_safe(vendor, customer, open_to_root):
    trust = copy.deepcopy(customer.document().trust_policy)
    if open_to_root:
        for statement in trust["Statement"]:
            statement["Principal"] = {"AWS": vendor.account_root_arn}
    customer.deploy(trust=trust)

    report = verify(vendor, customer.target())
    tested = check_trust(vendor, customer.target(), on_finding=lambda finding: None)

    assert role_status(report) == "no_verdict"
    assert report.trust_too_wide is None
    assert report.external_id_enforced
    assert tested.safe is None


@pytest.mark.usefixtures("throttled_canary")
def test_f06_an_open_role_is_unsafe_though_the_canary_has_no_answer(vendor, customer):
    customer.deploy(trust=open_trust(customer))

    assert role_status(verify(vendor, customer.target())) == "unsafe"
    assert check_trust(vendor, customer.target(), on_finding=lambda finding: None).safe is False


@ALL_CHAINS
def test_the_trust_test_alone_calls_a_role_made_from_the_template_safe_and_an_open_one_unsafe(vendor, customer):
    name = customer.deploy()
    assert check_trust(vendor, customer.target(), on_finding=lambda finding: None).safe is True

    trust = copy.deepcopy(customer.document().trust_policy)
    for statement in trust["Statement"]:
        statement["Principal"] = {"AWS": vendor.account_root_arn}
    customer.set_trust(name, trust)
    assert check_trust(vendor, customer.target(), on_finding=lambda finding: None).safe is False


# A success is repeated before it is believed


def lets_in(monkeypatch, vendor, customer, check, put_right_after=None):
    """A role that lets in whom `check` tries, until its trust policy is put right after so many successes; gives the
    successes as they come.
    """
    if check == "trust.no_external_id":
        attempt, whom = "try_customer_role", None
        trust = open_trust(customer, {"StringEqualsIfExists": {"sts:ExternalId": EXTERNAL_ID}})
    else:
        attempt, whom = "try_as_canary", str(customer.target().role_arn(vendor))
        trust = copy.deepcopy(customer.document().trust_policy)
        for statement in trust["Statement"]:
            statement["Principal"] = {"AWS": vendor.account_root_arn}
    name = customer.deploy(trust=trust)
    real, successes = getattr(trust_checks, attempt), []

    def enter(*arguments):
        receipt = real(*arguments)
        if arguments[-1] == whom:
            successes.append(receipt)
            if len(successes) == put_right_after:
                customer.set_trust(name, customer.document().trust_policy)
        return receipt

    monkeypatch.setattr(trust_checks, attempt, enter)
    return successes


ONCE_OR_TWICE = pytest.mark.parametrize("check", ["trust.no_external_id", "trust.canary"])


@ONCE_OR_TWICE
def test_a_role_that_lets_in_once_and_then_refuses_is_not_unsafe(vendor, customer, monkeypatch, check):
    successes = lets_in(monkeypatch, vendor, customer, check, put_right_after=1)

    report = verify(vendor, customer.target())

    assert len(successes) == 1
    assert found(report, check).outcome is Outcome.PASSED
    assert found(report, check).cause == "refused_as_it_should"
    assert role_status(report) == "connected"
    assert successes[0] in report.receipts


@ONCE_OR_TWICE
def test_a_role_that_lets_in_twice_is_unsafe(vendor, customer, monkeypatch, check):
    successes = lets_in(monkeypatch, vendor, customer, check)

    report = verify(vendor, customer.target())

    assert len(successes) == 2
    assert found(report, check).outcome is Outcome.VIOLATED
    assert role_status(report) == "unsafe"


# The template on its way to the customer (F18)


@pytest.mark.parametrize(
    ("written", "instead", "status"),
    [
        (EXTERNAL_ID, "chosen-by-another", "not_assumable"),
        (f"sts:ExternalId: {EXTERNAL_ID}", "sts:ExternalId: '*'", "not_assumable"),
        ("StringEquals:", "StringNotEquals:", "unsafe"),
        ("role/rolebridge/integration", "root", "unsafe"),
    ],
)
def test_f18_a_template_that_was_tampered_with_on_its_way_is_found_out(
    vendor, customer, sandbox, written, instead, status
):
    template = render_yaml(RoleSet("N", "1.0.0", "aws", customer.account_id, "c1", (customer.document(),)))
    assert written in template
    tampered = template.replace(written, instead)
    if instead == "StringNotEquals:":
        tampered = tampered.replace(EXTERNAL_ID, "somebody-else")
    create_or_update_stack(sandbox.url, customer.account_id, "tampered", tampered)

    assert role_status(verify(vendor, customer.target())) == status
