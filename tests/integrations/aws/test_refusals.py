"""Whatever can refuse or fail between us and a customer's resource, in the sandbox: who must act, and what is said."""

import json
import logging
import traceback
from typing import Any

import pytest

from integrations.aws import assume_role, chain
from integrations.aws.checks import permissions
from integrations.aws.clients import SessionCredentials
from integrations.aws.errors import redact
from integrations.aws.narrowing import CustomerSessionPolicy, Narrowing
from integrations.aws.policies import compact
from integrations.aws.report import Actor, Outcome, role_status
from integrations.aws.vendor_setup import POLICY_NAME
from integrations.aws.verify import check_vendor_identity, verify_role
from tests.integrations.aws.conftest import Customer, root_client

ACTION = "ec2:DescribeInstances"
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ACTION, "Resource": "*"}]}
ALLOW_ALL_BUT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "NotAction": ACTION, "Resource": "*"}],
}


def verify(vendor, customer, **changes):
    return verify_role(vendor, customer.target(**changes), on_finding=lambda finding: None)


def permission(report, action=ACTION):
    [finding] = [finding for finding in report.findings if (finding.check, finding.action) == ("permission", action)]
    return finding


def found(report, check):
    [finding] = [finding for finding in report.findings if finding.check == check]
    return finding


@pytest.fixture
def member(sandbox, vendor, customer) -> Any:
    """A customer whose account is in an organisation; `member.deny` attaches a service control policy to it."""
    organisations = root_client(sandbox, "organizations", customer.account_id)
    organisations.create_organization(FeatureSet="ALL")
    root = organisations.list_roots()["Roots"][0]["Id"]
    organisations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    made = organisations.create_account(AccountName="member", Email="member@example.com")
    member: Any = Customer(sandbox, vendor, customer.catalogue)
    member.account_id = made["CreateAccountStatus"]["AccountId"]
    member.iam = root_client(sandbox, "iam", member.account_id)

    def deny(document):
        policy = organisations.create_policy(
            Name="guardrail", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(document)
        )["Policy"]["PolicySummary"]
        organisations.attach_policy(PolicyId=policy["Id"], TargetId=member.account_id)
        return policy

    member.deny = deny
    return member


def test_a_service_control_policy_is_the_organisations_to_change(vendor, member):
    member.deploy()
    policy = member.deny(DENY)

    report = verify(vendor, member)

    finding = permission(report)
    assert (finding.outcome, finding.cause, finding.who) == (
        Outcome.DENIED,
        "blocked_by_organisation",
        Actor.CUSTOMER_ORGANISATION,
    )
    assert role_status(report) == "degraded"
    assert policy["Arn"] in finding.detail  # the customer sees it, and nobody else
    assert policy["Arn"] not in redact(finding.detail)


def test_a_permissions_boundary_is_its_owners_to_change(vendor, customer):
    boundary = customer.iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(ALLOW_ALL_BUT))
    customer.deploy(PermissionsBoundary=boundary["Policy"]["Arn"])

    finding = permission(verify(vendor, customer))

    assert (finding.outcome, finding.cause, finding.who) == (Outcome.DENIED, "blocked_by_boundary", Actor.CUSTOMER)


def test_a_deny_on_the_role_is_the_customers_to_remove(vendor, customer):
    name = customer.deploy()
    customer.set_policy(name, DENY, "deny")

    finding = permission(verify(vendor, customer))

    assert (finding.outcome, finding.cause) == (Outcome.DENIED, "blocked_by_customer_policy")


def test_a_refusal_by_our_own_session_policy_is_never_the_customers(vendor, customer, monkeypatch):
    customer.deploy()
    # A component whose session policy forgets an action that it probes.
    forgetful = CustomerSessionPolicy(Narrowing.ACTIONS, text=compact(ALLOW_ALL_BUT))
    monkeypatch.setattr(chain, "customer_session_policies", lambda component, role: iter([forgetful]))

    report = verify(vendor, customer)

    finding = permission(report)
    assert (finding.outcome, finding.cause, finding.who) == (Outcome.ERROR, "our_session_policy", Actor.VENDOR)
    assert finding.detail == ""
    assert role_status(report) == "no_verdict"


def test_a_permission_that_no_probe_can_prove_is_simulated(vendor, customer):
    customer.deploy(self_inspection=True)

    finding = permission(verify(vendor, customer, self_inspection=True), "s3:GetLifecycleConfiguration")

    assert (finding.outcome, finding.cause) == (Outcome.PASSED, "simulated")


def test_a_simulated_permission_that_is_missing_is_named(vendor, customer):
    document = customer.document(self_inspection=True).inline_policies[0].document
    without = json.loads(json.dumps(document).replace('"s3:GetLifecycleConfiguration"', '"s3:GetBucketTagging"'))
    customer.deploy(self_inspection=True, permissions=without)

    report = verify(vendor, customer, self_inspection=True)

    finding = permission(report, "s3:GetLifecycleConfiguration")
    assert (finding.outcome, finding.cause, finding.who) == (Outcome.DENIED, "missing_permission", Actor.CUSTOMER)
    assert role_status(report) == "degraded"


# Calls that fail otherwise


@pytest.mark.parametrize(
    ("code", "status", "outcome", "cause", "who"),
    [
        ("OptInRequired", 401, Outcome.NOT_APPLICABLE, "region_not_enabled", Actor.NOBODY),
        ("AuthFailure", 401, Outcome.NOT_APPLICABLE, "region_not_enabled", Actor.NOBODY),
        ("RequestLimitExceeded", 503, Outcome.THROTTLED, "throttled", Actor.NOBODY),
        ("InternalError", 500, Outcome.ERROR, "aws_unreachable", Actor.NOBODY),
        ("UnauthorizedOperation", 403, Outcome.DENIED, "refused_without_reason", Actor.CUSTOMER),
        ("RequestExpired", 400, Outcome.ERROR, "clock_skewed", Actor.VENDOR),
    ],
)
def test_every_way_a_probe_fails_has_its_own_finding(vendor, customer, faults, code, status, outcome, cause, who):
    customer.deploy()
    faults(kind="error", service="ec2", code=code, status=status)

    finding = permission(verify(vendor, customer))

    assert (finding.outcome, finding.cause, finding.who) == (outcome, cause, who)


@pytest.mark.parametrize("kind", ["drop", "throttle", "error"])
def test_trouble_on_the_way_to_the_customer_blames_nobody_and_keeps_what_is_known(vendor, customer, faults, kind):
    customer.deploy()
    verify(vendor, customer)  # our own roles are entered
    faults(kind=kind, service="sts", operation="AssumeRole")

    report = verify(vendor, customer)

    assert role_status(report) == "no_verdict"
    assert not any(finding.who is Actor.CUSTOMER for finding in report.findings)


@pytest.mark.parametrize("role", ["compute-analysis", "integration", "trust-test"])
def test_a_broken_vendor_side_is_never_the_customers(vendor, customer, sandbox, role):
    customer.deploy()
    iam = root_client(sandbox, "iam", vendor.vendor_account_id)
    policy = iam.get_role_policy(RoleName=role, PolicyName=POLICY_NAME)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=POLICY_NAME)
    try:
        report = verify(vendor, customer)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=POLICY_NAME, PolicyDocument=json.dumps(policy))

    assert role_status(report) == "no_verdict"
    assert not any(finding.who is Actor.CUSTOMER for finding in report.findings)
    assert any(finding.who is Actor.VENDOR for finding in report.findings)


def test_a_process_without_identity_is_told_apart_from_a_customers_mistake(sandbox, vendor, monkeypatch):
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    other = type(vendor)(**{**vendor.__dict__, "fallback_regions": ("us-east-1",)})  # a vendor side of its own

    finding = check_vendor_identity(other)

    assert (finding.outcome, finding.cause, finding.who) == (Outcome.ERROR, "vendor_identity_missing", Actor.VENDOR)


@pytest.fixture
def secrets(monkeypatch):
    """The secret parts of every session that is opened."""
    found: list[str] = []

    def remember(**values):
        found.extend((values["secret_access_key"], values["session_token"]))
        return SessionCredentials(**values)

    monkeypatch.setattr(assume_role, "SessionCredentials", remember)
    return found


def test_no_secret_is_logged_even_where_everything_is(vendor, customer, caplog, secrets):
    customer.deploy()

    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="botocore"):
        report = verify(vendor, customer)

    assert role_status(report) == "connected"
    assert any(record.name.startswith("botocore.") for record in caplog.records)
    assert len(secrets) >= 10
    assert not [secret for secret in secrets if secret in caplog.text]
    assert "ecurity-Token" not in caplog.text


def test_no_secret_is_in_the_traceback_of_a_bug(vendor, customer, monkeypatch, secrets):
    customer.deploy()

    def break_down(*arguments, **named):
        raise RuntimeError("a bug")

    monkeypatch.setattr(permissions, "run_probe", break_down)
    with pytest.raises(RuntimeError, match="a bug") as caught:
        verify(vendor, customer)

    # Without this test's own frame, which knows the secrets.
    assert caught.value.__traceback__
    frames = traceback.walk_tb(caught.value.__traceback__.tb_next)
    shown = "".join(traceback.StackSummary.extract(frames, capture_locals=True).format())
    assert len(secrets) >= 4
    assert "break_down" in shown
    assert "SessionCredentials" in shown
    assert not [secret for secret in secrets if secret in shown]
