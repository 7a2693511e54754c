"""A whole verification against the sandbox: every status, every way a trust policy goes wrong, every way AWS fails."""

import copy
import threading
import time

import pytest

from integrations.aws.chain import VendorSide
from integrations.aws.checks import chain as chain_checks
from integrations.aws.checks import trust as trust_checks
from integrations.aws.errors import Refused, Unreachable
from integrations.aws.report import Actor, Outcome, role_status
from integrations.aws.vendor import VendorAccountAsCustomer
from integrations.aws.verify import check_reachability, check_vendor_identity, verify_role, warm_up
from tests.integrations.aws.builders import make_catalogue
from tests.integrations.aws.conftest import root_client

ALL_CHAINS = pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)


def verify(vendor, target, **options):
    return verify_role(vendor, target, on_finding=lambda finding: None, **options)


def found(report, check, action=""):
    [finding] = [finding for finding in report.findings if (finding.check, finding.action) == (check, action)]
    return finding


@ALL_CHAINS
def test_a_role_made_from_the_template_is_connected(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer.target())

    assert role_status(report) == "connected"
    assert {finding.outcome for finding in report.findings} == {Outcome.PASSED, Outcome.SKIPPED}
    assert found(report, "permission", "s3:GetLifecycleConfiguration").cause == "no_probe"
    assert report.external_id_enforced
    assert report.permissions_ok


@ALL_CHAINS
def test_a_permission_that_was_taken_away_is_named(vendor, customer):
    name = customer.deploy()
    policy = copy.deepcopy(customer.document().inline_policies[0].document)
    policy["Statement"][0]["Action"].remove("rds:DescribeDBInstances")
    customer.set_policy(name, policy)

    report = verify(vendor, customer.target())

    assert role_status(report) == "degraded"
    finding = found(report, "permission", "rds:DescribeDBInstances")
    assert (finding.outcome, finding.cause, finding.who) == (Outcome.DENIED, "missing_permission", Actor.CUSTOMER)
    assert found(report, "permission", "ec2:DescribeInstances").outcome is Outcome.PASSED


@ALL_CHAINS
def test_a_role_that_is_not_there_is_not_assumable(vendor, customer):
    report = verify(vendor, customer.target())

    assert role_status(report) == "not_assumable"
    finding = found(report, "chain.integration_to_customer")
    assert (finding.outcome, finding.who) == (Outcome.DENIED, Actor.CUSTOMER)
    assert found(report, "trust.no_external_id").outcome is Outcome.SKIPPED


@ALL_CHAINS
def test_a_role_with_another_external_id_is_not_assumable(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer.target(external_id="rb-another-one"))

    assert role_status(report) == "not_assumable"
    assert "another external ID" in found(report, "chain.integration_to_customer").fix


def test_a_missing_product_tag_is_told_apart(vendor, customer):
    customer.deploy(tags={})

    report = verify(vendor, customer.target())

    assert role_status(report) == "not_assumable"
    assert found(report, "chain.integration_to_customer").cause == "product_tag_missing"


@pytest.mark.parametrize(
    ("left", "cause"),
    [("sts:SetSourceIdentity", "trust_lacks_tag_session"), ("sts:TagSession", "trust_lacks_source_identity")],
)
def test_an_action_missing_from_the_trust_policy_is_told_apart(vendor, customer, left, cause):
    trust = copy.deepcopy(customer.document().trust_policy)
    trust["Statement"][1]["Action"] = [left]
    customer.deploy(trust=trust)

    report = verify(vendor, customer.target())

    assert role_status(report) == "not_assumable"
    assert found(report, "chain.integration_to_customer").cause == cause


@ALL_CHAINS
def test_a_trust_policy_that_takes_no_source_identity_is_told_apart_in_every_chain(vendor, customer):
    trust = copy.deepcopy(customer.document().trust_policy)
    trust["Statement"][1]["Action"] = ["sts:TagSession"]
    customer.deploy(trust=trust)

    report = verify(vendor, customer.target())

    finding = found(report, "chain.integration_to_customer")
    assert (finding.cause, finding.who) == ("trust_lacks_source_identity", Actor.CUSTOMER)
    assert role_status(report) == "not_assumable"


@ALL_CHAINS
def test_a_trust_policy_that_asks_more_of_a_components_session_is_told_from_a_fault_of_ours(vendor, customer):
    trust = copy.deepcopy(customer.document().trust_policy)
    trust["Statement"][0]["Condition"]["StringNotLike"] = {"sts:RoleSessionName": "rolebridge-compute-*"}
    customer.deploy(trust=trust)

    finding = found(verify(vendor, customer.target()), "chain.integration_to_customer")

    # Where our own policies ask for the product's tag, AWS's bare text lets that one be thought likelier.
    cause = "product_tag_missing" if vendor.chain == "abac" else "trust_refuses_session"
    assert (finding.cause, finding.who) == (cause, Actor.CUSTOMER)


def test_a_refusal_for_which_our_own_side_gave_no_answer_says_nothing_of_the_role(vendor, customer, monkeypatch):
    customer.deploy(tags={})

    def unanswered(*arguments):
        raise Unreachable("ReadTimeoutError")

    monkeypatch.setattr(chain_checks, "prove_component_side", unanswered)

    report = verify(vendor, customer.target(), deadline_seconds=10)

    assert found(report, "chain.integration_to_customer").cause == "refusal_not_explained"
    assert role_status(report) == "no_verdict"


@ALL_CHAINS
def test_reachability_tells_a_missing_source_identity_from_a_fault_of_ours_as_well(vendor, customer):
    trust = copy.deepcopy(customer.document().trust_policy)
    trust["Statement"][1]["Action"] = ["sts:TagSession"]
    customer.deploy(trust=trust)

    report = check_reachability(vendor, customer.target(), on_finding=lambda finding: None)

    assert found(report, "chain.integration_to_customer").cause == "trust_lacks_source_identity"
    assert report.reachable is False


def test_the_customer_may_pin_the_account_root_and_name_the_role_in_a_condition(vendor, customer):
    document = customer.document()
    trust = copy.deepcopy(document.trust_policy)
    for statement in trust["Statement"]:
        statement["Principal"] = {"AWS": vendor.account_root_arn}
        statement.setdefault("Condition", {})["ArnEquals"] = {"aws:PrincipalArn": vendor.integration_role_arn}
    customer.deploy(trust=trust)

    assert role_status(verify(vendor, customer.target())) == "connected"


def test_an_error_that_comes_after_authorisation_proves_the_permission(vendor, customer):
    customer.deploy("log-analysis")

    report = verify(vendor, customer.target("log-analysis"))

    assert found(report, "permission", "logs:DescribeLogStreams").outcome is Outcome.PASSED


def test_the_same_call_without_the_permission_is_denied(vendor, customer):
    nothing = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ec2:DescribeHosts", "Resource": "*"}],
    }
    customer.deploy("log-analysis", permissions=nothing)

    report = verify(vendor, customer.target("log-analysis"))

    assert found(report, "permission", "logs:DescribeLogStreams").outcome is Outcome.DENIED


def test_every_region_asked_for_is_probed(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer.target(regions=("eu-central-1", "us-east-1")))

    probed = {
        finding.region
        for finding in report.findings
        if finding.action == "ec2:DescribeInstances" and finding.outcome is Outcome.PASSED
    }
    assert probed == {"eu-central-1", "us-east-1"}


def test_findings_land_one_by_one_in_the_calling_thread(vendor, customer):
    customer.deploy()
    landed = []

    report = verify_role(
        vendor, customer.target(), on_finding=lambda finding: landed.append((finding, threading.current_thread()))
    )

    assert [finding for finding, _ in landed] == list(report.findings)
    assert {thread for _, thread in landed} == {threading.current_thread()}


def test_f09_the_report_carries_the_integration_roles_unique_id(vendor, customer, sandbox):
    customer.deploy()

    report = verify(vendor, customer.target())

    role = root_client(sandbox, "iam", vendor.vendor_account_id).get_role(RoleName="integration")["Role"]
    assert report.integration_role_id == role["RoleId"]


@ALL_CHAINS
def test_every_session_leaves_a_receipt_and_none_holds_a_secret(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer.target())

    expected = {
        "rolebridge-compute-analysis-c1",
        "rolebridge-trust-test-c1",
        "rolebridge-canary-c1",
        "rolebridge-grant-test-c1",
    }
    assert {receipt.session_name for receipt in report.receipts} == expected
    assert all(receipt.access_key_id and receipt.request_id and receipt.expires_at for receipt in report.receipts)
    assert "SecretAccessKey" not in repr(report)


def test_a_process_that_is_warmed_up_has_made_no_call(vendor, faults):
    faults(kind="error")

    warm_up(vendor, make_catalogue())


def test_f12_a_role_that_turns_out_to_be_in_another_account_is_no_verdict_and_ours_to_look_into(
    vendor, customer, monkeypatch
):
    customer.deploy()
    monkeypatch.setattr(chain_checks, "caller_account", lambda vendor, session: ("999999999999", "req-1"))

    report = verify(vendor, customer.target())

    finding = found(report, "account.matches")
    assert (finding.outcome, finding.cause, finding.who) == (Outcome.VIOLATED, "account_differs", Actor.VENDOR)
    assert not report.assumable
    assert role_status(report) == "no_verdict"


def test_f12_without_an_answer_to_whose_account_it_is_no_role_is_called_connected(vendor, customer, faults):
    customer.deploy()
    faults(kind="throttle", service="sts", operation="GetCallerIdentity")

    report = verify(vendor, customer.target())

    assert found(report, "account.matches").outcome is Outcome.THROTTLED
    assert role_status(report) == "no_verdict"


def test_f20_the_vendors_own_account_is_refused_before_any_call(vendor, customer):
    with pytest.raises(VendorAccountAsCustomer):
        verify(vendor, customer.target(account_id=vendor.vendor_account_id))


@ALL_CHAINS
def test_the_vendors_own_identity_is_proved(vendor):
    assert check_vendor_identity(vendor).outcome is Outcome.PASSED


# What else is given


@ALL_CHAINS
def test_f14_a_role_with_administrator_access_raises_the_alarm(vendor, customer):
    administrator_access = "arn:aws:iam::aws:policy/AdministratorAccess"
    name = customer.deploy(self_inspection=True)
    customer.iam.attach_role_policy(RoleName=name, PolicyArn=administrator_access)

    report = verify(vendor, customer.target(self_inspection=True))

    finding = found(report, "least_privilege", "iam:ListUsers")
    assert (finding.outcome, finding.cause, finding.who) == (Outcome.VIOLATED, "over_granted", Actor.CUSTOMER)
    assert "iam:ListUsers" in finding.fix
    assert found(report, "inspection.policies").detail == administrator_access


def test_f14_a_role_made_from_the_template_is_denied_what_it_must_be(vendor, customer):
    customer.deploy()

    finding = found(verify(vendor, customer.target()), "least_privilege", "iam:ListUsers")

    assert (finding.outcome, finding.cause) == (Outcome.PASSED, "denied_as_it_should")


def test_a_call_that_must_be_denied_and_fails_otherwise_is_not_taken_for_denied(vendor, customer, faults):
    customer.deploy()
    faults(kind="throttle", service="iam", operation="ListUsers")

    finding = found(verify(vendor, customer.target()), "least_privilege", "iam:ListUsers")

    assert finding.outcome is Outcome.THROTTLED


# When AWS does not answer


def test_throttled_probes_are_no_verdict_on_the_permission(vendor, customer, faults):
    customer.deploy()
    faults(kind="throttle", service="ec2", operation="DescribeInstances")

    report = verify(vendor, customer.target())

    finding = found(report, "permission", "ec2:DescribeInstances")
    assert (finding.outcome, finding.who) == (Outcome.THROTTLED, Actor.NOBODY)
    assert role_status(report) == "no_verdict"


@pytest.mark.parametrize("kind", ["error", "drop"])
def test_a_failing_service_is_nobodys_fault_and_no_verdict(vendor, customer, faults, kind):
    customer.deploy()
    faults(kind=kind, service="rds")

    report = verify(vendor, customer.target())

    finding = found(report, "permission", "rds:DescribeDBInstances")
    assert (finding.outcome, finding.who) == (Outcome.ERROR, Actor.NOBODY)
    assert role_status(report) == "no_verdict"


def test_one_failure_in_passing_is_tried_again(vendor, customer, faults):
    customer.deploy()
    faults(kind="error", service="rds", count=1)

    assert role_status(verify(vendor, customer.target())) == "connected"


def test_the_deadline_ends_a_run_though_aws_hangs(vendor, customer, faults):
    customer.deploy()
    verify(vendor, customer.target())  # both sides have read their models now, and are quick
    faults(kind="timeout", service="rds", seconds=9, count=1)
    started = time.monotonic()

    report = verify(vendor, customer.target(), deadline_seconds=3)

    assert time.monotonic() - started < 8
    assert report.deadline_hit
    assert found(report, "permission", "rds:DescribeDBInstances").cause == "deadline"
    assert found(report, "permission", "ec2:DescribeInstances").outcome is Outcome.PASSED
    assert role_status(report) == "no_verdict"


def test_a_run_ends_at_its_deadline_though_another_holds_our_own_roles_session(vendor, customer, monkeypatch):
    customer.deploy()
    verify(vendor, customer.target())  # the canary's session is kept, so a refusal is a reason to open it anew
    let_go = threading.Event()

    def refused(*arguments):
        raise Refused("AccessDenied")

    def held_by_another(side, role):
        assert let_go.wait(30)

    monkeypatch.setattr(trust_checks, "try_as_canary", refused)
    monkeypatch.setattr(VendorSide, "forget_own_role", held_by_another)
    try:
        report = verify(vendor, customer.target(), deadline_seconds=8)
    finally:
        let_go.set()

    assert report.deadline_hit
    assert found(report, "trust.canary_control").cause == "deadline"
