"""Off-boarding is proved, and only beside a control; reachability alone makes no more claims than it can."""

import json

import pytest

from integrations.aws.report import Actor, Outcome
from integrations.aws.vendor_setup import POLICY_NAME
from integrations.aws.verify import check_reachability, prove_removed
from tests.integrations.aws.conftest import root_client

ALL_CHAINS = pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)


def prove(vendor, customer, **options):
    return prove_removed(vendor, customer.target(), on_finding=lambda finding: None, **options)


def outcomes(report):
    return {finding.check: finding.outcome for finding in report.findings}


@ALL_CHAINS
def test_f16_a_role_that_is_gone_is_proved_gone(vendor, customer):
    report = prove(vendor, customer)

    assert report.removed is True
    assert outcomes(report) == {"removal.control": Outcome.PASSED, "removal.refused": Outcome.PASSED}


@ALL_CHAINS
def test_f16_a_role_that_still_lets_us_in_is_not(vendor, customer):
    customer.deploy()

    report = prove(vendor, customer)

    assert report.removed is False
    [finding] = [finding for finding in report.findings if finding.check == "removal.refused"]
    assert (finding.outcome, finding.who) == (Outcome.VIOLATED, Actor.CUSTOMER)


def test_f16_a_role_without_the_product_tag_is_not_taken_for_gone(vendor, customer):
    customer.deploy(tags={})

    assert prove(vendor, customer).removed is False


def test_f16_a_refusal_proves_nothing_while_our_own_side_is_broken(vendor, customer, sandbox):
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    policy = iam.get_role_policy(RoleName="integration", PolicyName=POLICY_NAME)["PolicyDocument"]
    iam.delete_role_policy(RoleName="integration", PolicyName=POLICY_NAME)
    try:
        report = prove(vendor, customer)
    finally:
        iam.put_role_policy(RoleName="integration", PolicyName=POLICY_NAME, PolicyDocument=json.dumps(policy))

    assert report.removed is None
    assert outcomes(report) == {"removal.control": Outcome.ERROR, "removal.refused": Outcome.SKIPPED}


def test_f16_load_is_no_proof(vendor, customer, faults):
    faults(kind="throttle", service="sts")

    assert prove(vendor, customer).removed is None


@ALL_CHAINS
def test_reachability_says_whose_account_it_is_and_no_more(vendor, customer):
    customer.deploy()

    report = check_reachability(vendor, customer.target(), on_finding=lambda finding: None)

    assert report.reachable
    assert "account.matches" in outcomes(report)
    assert not any(check.startswith(("trust.", "permission", "least_privilege")) for check in outcomes(report))


def test_reachability_of_a_role_that_is_not_there(vendor, customer):
    report = check_reachability(vendor, customer.target(), on_finding=lambda finding: None)

    assert report.reachable is False


def test_reachability_has_no_verdict_under_load(vendor, customer, faults):
    customer.deploy()
    faults(kind="throttle", service="sts", operation="GetCallerIdentity")

    report = check_reachability(vendor, customer.target(), on_finding=lambda finding: None)

    assert report.reachable is None
