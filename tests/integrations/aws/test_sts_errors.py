"""The table of STS errors, row by row, in the sandbox: whose each error is, and whether it is asked again."""

import copy
import json
import logging
import secrets
from dataclasses import replace

import pytest

from integrations.aws import chain, clients
from integrations.aws.chain import enter_customer_role, enter_integration_role, try_customer_role, vendor_side
from integrations.aws.checks import trust
from integrations.aws.errors import Refused, RegionDisabled, SessionExpired
from integrations.aws.findings import judge_failure
from integrations.aws.narrowing import CustomerSessionPolicy, Narrowing
from integrations.aws.policies import compact, policy
from integrations.aws.report import Actor, Outcome, role_status
from integrations.aws.vendor_setup import POLICY_NAME, ensure_vendor_account
from integrations.aws.verify import check_reachability, check_vendor_identity, verify_role
from tests.integrations.aws.conftest import root_client

TO_B = "chain.component_to_integration"
TO_C = "chain.integration_to_customer"


def verify(vendor, customer, **changes):
    return verify_role(vendor, customer.target(**changes), on_finding=lambda finding: None)


def found(report, check):
    [finding] = [finding for finding in report.findings if finding.check == check]
    return finding


def blames(report):
    return {finding.who for finding in report.findings} - {Actor.NOBODY}


def without_policy(sandbox, vendor, role):
    """Take a role of the vendor's its permissions; gives what puts them back."""
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    kept = iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=POLICY_NAME)
    return lambda: iam.put_role_policy(RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=json.dumps(kept))


def test_accessdenied_from_a_to_b_is_the_vendors_and_raises_an_alert(vendor, customer, sandbox, caplog):
    customer.deploy()
    restore = without_policy(sandbox, vendor, "compute-analysis")
    try:
        with caplog.at_level(logging.ERROR, logger="integrations.aws"):
            report = verify(vendor, customer)
    finally:
        restore()

    finding = found(report, TO_B)
    assert (finding.outcome, finding.who, finding.cause) == (Outcome.ERROR, Actor.VENDOR, "vendor_role_refused")
    assert finding.detail == ""
    assert "vendor_role_refused" in caplog.text
    assert role_status(report) == "no_verdict"


def test_accessdenied_from_b_to_c_bare_is_untangled(vendor, customer):
    report = verify(vendor, customer)

    finding = found(report, TO_C)
    assert (finding.outcome, finding.who, finding.cause) == (Outcome.DENIED, Actor.CUSTOMER, "role_not_assumable")
    assert role_status(report) == "not_assumable"


def test_validationerror_is_the_vendors(vendor, customer, faults):
    customer.deploy()
    verify(vendor, customer)
    faults(kind="error", service="sts", operation="AssumeRole", code="ValidationError", status=400)

    report = verify(vendor, customer)

    assert found(report, TO_B).cause == "request_invalid"
    assert blames(report) == {Actor.VENDOR}
    assert role_status(report) == "no_verdict"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"Version": "2012-10-17"', id="MalformedPolicyDocument"),
        pytest.param(
            compact(
                policy(
                    [
                        {
                            "Effect": "Allow",
                            "Action": "ec2:*",
                            "Resource": [f"arn:aws:ec2:*:*:{secrets.token_urlsafe(192)}" for _ in range(7)],
                        }
                    ]
                )
            ),
            id="PackedPolicyTooLarge",
        ),
    ],
)
def test_a_session_policy_that_sts_does_not_take_is_the_vendors(vendor, customer, monkeypatch, text):
    customer.deploy()
    ours = CustomerSessionPolicy(Narrowing.ACTIONS, text=text)
    monkeypatch.setattr(chain, "customer_session_policies", lambda component, role, **chosen: iter([ours]))

    report = verify(vendor, customer)

    finding = found(report, TO_C)
    assert (finding.outcome, finding.who, finding.cause) == (Outcome.ERROR, Actor.VENDOR, "session_policy_invalid")
    assert role_status(report) == "no_verdict"


def test_regiondisabledexception_is_asked_again_in_another_region(vendor, customer, faults):
    customer.deploy()
    side, target = vendor_side(vendor), customer.target()
    launch = enter_integration_role(side, target)
    faults(kind="error", service="sts", operation="AssumeRole", code="RegionDisabledException", status=403, count=1)

    assert enter_customer_role(side, target, launch).receipt.role_arn == str(target.role_arn(vendor))


def sts_switched_off(customer, region=None):
    """A fault: STS is off in the customer's account, in a region or in all."""
    where = {"region": region} if region else {}
    off = {"kind": "error", "service": "sts", "code": "RegionDisabledException", "status": 403}
    return {**off, "target": customer.account_id, **where}


@pytest.mark.parametrize("vendor", ["direct", "chained", "abac"], indirect=True)
def test_sts_switched_off_in_our_region_alone_changes_no_verdict(vendor, customer, faults):
    customer.deploy()
    faults(**sts_switched_off(customer, vendor.region))

    report = verify(vendor, customer)

    assert role_status(report) == "connected"
    assert blames(report) == set()


def test_sts_switched_off_in_our_region_hides_no_open_trust(vendor, customer, faults):
    document = copy.deepcopy(customer.document().trust_policy)
    for statement in document["Statement"]:
        statement["Principal"] = {"AWS": vendor.account_root_arn}
    customer.deploy(trust=document)
    faults(**sts_switched_off(customer, vendor.region))

    report = verify(vendor, customer)

    assert found(report, "trust.canary").cause == "trust_too_wide"
    assert role_status(report) == "unsafe"


def test_sts_switched_off_everywhere_gives_no_verdict_and_says_so(vendor, customer, faults):
    customer.deploy()
    faults(**sts_switched_off(customer))

    report = verify(vendor, customer)

    assert found(report, TO_C).cause == "region_disabled"
    assert found(report, "trust.canary").cause == "region_disabled"
    assert role_status(report) == "no_verdict"


def test_regiondisabledexception_everywhere_is_the_customers_to_switch_on(vendor, customer, faults):
    customer.deploy()
    side, target = vendor_side(vendor), customer.target()
    launch = enter_integration_role(side, target)
    faults(kind="error", service="sts", operation="AssumeRole", code="RegionDisabledException", status=403)

    with pytest.raises(RegionDisabled) as caught:
        enter_customer_role(side, target, launch)

    verdict = judge_failure(caught.value)
    assert (verdict.outcome, verdict.who, verdict.cause) == (Outcome.DENIED, Actor.CUSTOMER, "region_disabled")


def test_expiredtoken_rebuilds_the_chain_and_is_nobodys_fault(sandbox_of_my_own):
    vendor, customer = sandbox_of_my_own
    customer.deploy()
    verify(vendor, customer)  # our own roles are entered, for an hour
    customer.sandbox.control("clock", {"advance": 3700})

    report = verify(vendor, customer)

    assert role_status(report) == "connected"
    assert blames(report) == set()


EXPIRED = {"kind": "error", "code": "ExpiredToken", "status": 403, "count": 1}


def outcome_of(finding):
    return (finding.check, finding.action, finding.outcome, finding.cause)


@pytest.mark.parametrize(
    "where",
    [
        {"service": "rds", "operation": "DescribeDBInstances"},
        {"service": "sts", "operation": "GetCallerIdentity"},
        {"service": "iam", "operation": "ListUsers"},
        {"service": "iam", "operation": "GetRole"},
        {"service": "iam", "operation": "SimulatePrincipalPolicy"},
    ],
    ids=["probe", "whose account", "what must be denied", "inspection", "simulation"],
)
def test_expiredtoken_at_a_call_in_the_customers_account_opens_the_session_anew(vendor, customer, faults, where):
    customer.deploy(self_inspection=True)
    clean = verify(vendor, customer, self_inspection=True)
    faults(**EXPIRED, **where, account=customer.account_id)

    report = verify(vendor, customer, self_inspection=True)

    assert role_status(report) == "connected"
    assert sorted(map(outcome_of, report.findings)) == sorted(map(outcome_of, clean.findings))
    assert len(report.receipts) == len(clean.receipts) + 1


@pytest.mark.parametrize(
    ("vendor", "code"),
    [
        ("direct", "ExpiredToken"),
        ("chained", "ExpiredTokenException"),
        ("abac", "ExpiredToken"),
        ("abac", "ExpiredTokenException"),
    ],
    indirect=["vendor"],
)
def test_expiredtoken_at_the_hop_into_the_customers_role_is_nobodys_and_changes_no_verdict(
    vendor, customer, faults, code
):
    customer.deploy()
    verify(vendor, customer)
    faults(**EXPIRED | {"code": code}, service="sts", operation="AssumeRole", target=customer.account_id)

    report = verify(vendor, customer)

    assert role_status(report) == "connected"
    assert blames(report) == set()


@pytest.mark.parametrize("attempt", ["the right ID", "no ID", "the canary's control", "the canary"])
def test_expiredtoken_at_an_attempt_of_the_trust_test_opens_its_session_anew(vendor, customer, monkeypatch, attempt):
    customer.deploy()
    verify(vendor, customer)
    expired: list[object] = []

    def once(real, what):
        def maybe(side, session, *more):
            if what(*more) == attempt and not expired:
                expired.append(session)
                raise SessionExpired("ExpiredToken")
            return real(side, session, *more)

        return maybe

    def which_id(launch, external_id):
        return {customer.target().external_id: "the right ID", None: "no ID"}.get(external_id)

    def whose(target, role_arn):
        return "the canary's control" if role_arn == vendor.control_role_arn else "the canary"

    monkeypatch.setattr(trust, "try_customer_role", once(chain.try_customer_role, which_id))
    monkeypatch.setattr(trust, "try_as_canary", once(chain.try_as_canary, whose))

    report = verify(vendor, customer)

    assert len(expired) == 1
    assert role_status(report) == "connected"
    assert blames(report) == set()


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"])
def test_credentials_that_aws_does_not_know_are_the_vendors(vendor, customer, faults, code):
    customer.deploy()
    faults(kind="error", service="sts", code=code, status=403)

    report = verify(vendor, customer)

    assert blames(report) == {Actor.VENDOR}
    assert "vendor_credentials_invalid" in {finding.cause for finding in report.findings}
    assert role_status(report) == "no_verdict"


def test_a_clock_that_runs_wrong_is_the_vendors(vendor, customer, faults):
    customer.deploy()
    message = "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z"
    faults(kind="error", service="sts", code="SignatureDoesNotMatch", status=403, message=message)

    report = verify(vendor, customer)

    assert blames(report) == {Actor.VENDOR}
    assert "clock_skewed" in {finding.cause for finding in report.findings}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "throttle"},
        {"kind": "error", "code": "RequestLimitExceeded", "status": 503},
        {"kind": "error", "code": "InternalFailure", "status": 500},
        {"kind": "drop"},
    ],
    ids=["Throttling", "RequestLimitExceeded", "5xx", "dropped connection"],
)
def test_load_in_passing_is_asked_again_until_it_is_over(vendor, customer, faults, fault):
    customer.deploy()
    verify(vendor, customer)  # our own roles are entered
    # Seven of the calls that follow fail: more than botocore repeats by itself.
    faults(service="sts", operation="AssumeRole", count=7, **fault)

    report = verify(vendor, customer)

    assert role_status(report) == "connected"


@pytest.mark.parametrize("kind", ["throttle", "error", "drop"])
def test_load_that_lasts_blames_nobody_and_changes_nothing(vendor, customer, faults, kind):
    customer.deploy()
    verify(vendor, customer)
    faults(kind=kind, service="sts", operation="AssumeRole")

    report = verify(vendor, customer)

    assert blames(report) == set()
    assert role_status(report) == "no_verdict"


@pytest.mark.parametrize(
    ("strikes", "status"), [({"count": 1}, "connected"), ({}, "no_verdict")], ids=["in passing", "that lasts"]
)
def test_a_readtimeouterror_at_the_hop_into_the_customers_role_blames_nobody(
    vendor, customer, faults, monkeypatch, strikes, status
):
    customer.deploy()
    monkeypatch.setattr(clients, "READ_TIMEOUT", 1.0)
    impatient = replace(vendor, repeat_pause=vendor.repeat_pause * 2)  # other settings have clients of their own
    verify(impatient, customer)
    faults(kind="timeout", seconds=3, service="sts", operation="AssumeRole", target=customer.account_id, **strikes)

    report = verify(impatient, customer)

    assert blames(report) == set()
    assert role_status(report) == status
    if not strikes:
        assert found(report, TO_C).cause == "aws_unreachable"


def test_b_that_forgets_its_component_sessions_is_not_taken_for_a_missing_product_tag(vendor, customer, sandbox):
    customer.deploy()
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    kept = iam.get_role_policy(RoleName="integration", PolicyName=POLICY_NAME)["PolicyDocument"]
    broken = [statement for statement in kept["Statement"] if statement["Sid"] != "ComponentSessions"]
    iam.put_role_policy(RoleName="integration", PolicyName=POLICY_NAME, PolicyDocument=compact(policy(broken)))
    try:
        report = verify(vendor, customer)
    finally:
        iam.put_role_policy(RoleName="integration", PolicyName=POLICY_NAME, PolicyDocument=json.dumps(kept))

    assert found(report, TO_C).cause == "vendor_policy_refused"
    assert blames(report) == {Actor.VENDOR}
    assert role_status(report) == "no_verdict"


@pytest.mark.parametrize(
    ("vendor", "action"),
    [
        ("direct", "sts:SetSourceIdentity"),
        ("chained", "sts:SetSourceIdentity"),
        ("abac", "sts:SetSourceIdentity"),
        ("abac", "sts:TagSession"),
    ],
    indirect=["vendor"],
)
@pytest.mark.parametrize("check", [verify_role, check_reachability])
def test_what_our_own_policy_forgets_is_never_the_trust_policys(vendor, customer, sandbox, action, check):
    customer.deploy()
    role = "compute-analysis" if vendor.chain == "direct" else "integration"
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    kept = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"])
    # An action that STS never asks for in its place.
    iam.put_role_policy(
        RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=kept.replace(f'"{action}"', '"sts:GetSessionToken"')
    )
    try:
        report = check(vendor, customer.target(), on_finding=lambda finding: None)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=kept)

    to_c = found(report, TO_C)
    assert (to_c.outcome, to_c.cause) == (Outcome.ERROR, "vendor_policy_refused")
    assert blames(report) == {Actor.VENDOR}
    assert (role_status(report) == "no_verdict") if check is verify_role else (report.reachable is None)


@pytest.mark.parametrize("vendor", ["direct", "chained", "abac"], indirect=True)
@pytest.mark.parametrize("phrase", ["no session policy allows", "no identity-based policy allows"])
def test_a_negative_test_that_our_own_policy_refused_proves_nothing(vendor, customer, monkeypatch, phrase):
    customer.deploy()
    real = try_customer_role

    def refuse_by_ourselves(side, target, launch, external_id):
        if external_id == target.external_id:
            return real(side, target, launch, external_id)
        raise Refused("AccessDenied", f"User is not authorized to perform: sts:AssumeRole because {phrase} it")

    monkeypatch.setattr(trust, "try_customer_role", refuse_by_ourselves)

    report = verify(vendor, customer)

    assert found(report, "trust.no_external_id").cause == "vendor_policy_refused"
    assert found(report, "trust.wrong_external_id").cause == "vendor_policy_refused"
    assert report.external_id_enforced is None
    assert blames(report) == {Actor.VENDOR}
    assert role_status(report) == "no_verdict"


def test_a_control_that_our_organisation_refuses_is_ours(vendor, customer, monkeypatch):
    customer.deploy()

    def refuse(side, target, launch, external_id):
        text = "is not authorized to perform: sts:AssumeRole with an explicit deny in a service control policy"
        raise Refused("AccessDenied", text)

    monkeypatch.setattr(trust, "try_customer_role", refuse)

    report = verify(vendor, customer)

    assert found(report, "trust.control").cause == "vendor_policy_refused"
    assert blames(report) == {Actor.VENDOR}
    assert role_status(report) == "no_verdict"


def test_the_vendors_own_identity_is_checked_apart_from_any_customer(vendor, sandbox):
    restore = without_policy(sandbox, vendor, "trust-test")
    try:
        finding = check_vendor_identity(vendor)
    finally:
        restore()

    assert (finding.check, finding.outcome, finding.who) == ("vendor.identity", Outcome.ERROR, Actor.VENDOR)


def test_vendor_roles_that_were_made_anew_are_entered_anew(sandbox_of_my_own):
    vendor, customer = sandbox_of_my_own
    customer.deploy()
    assert role_status(verify(vendor, customer)) == "connected"  # with sessions that are kept
    iam = root_client(customer.sandbox, "iam", vendor.vendor_account_id)
    for name in ("compute-analysis", "trust-test", "canary"):
        iam.delete_role_policy(RoleName=name, PolicyName=POLICY_NAME)
        iam.delete_role(RoleName=name)
    ensure_vendor_account(vendor, customer.catalogue, iam)

    report = verify(vendor, customer)

    assert role_status(report) == "connected"
    assert blames(report) == set()


@pytest.mark.parametrize("open_to_root", [False, True])
def test_a_stale_session_of_the_canary_never_makes_a_role_look_closed(sandbox_of_my_own, open_to_root):
    vendor, customer = sandbox_of_my_own
    document = copy.deepcopy(customer.document().trust_policy)
    if open_to_root:
        for statement in document["Statement"]:
            statement["Principal"] = {"AWS": vendor.account_root_arn}
    customer.deploy(trust=document)
    verify(vendor, customer)
    iam = root_client(customer.sandbox, "iam", vendor.vendor_account_id)
    iam.delete_role_policy(RoleName="canary", PolicyName=POLICY_NAME)
    iam.delete_role(RoleName="canary")
    ensure_vendor_account(vendor, customer.catalogue, iam)

    report = verify(vendor, customer)

    assert found(report, "trust.canary_control").outcome is Outcome.PASSED
    assert report.trust_too_wide is open_to_root
