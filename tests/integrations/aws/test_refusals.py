"""Whatever can refuse or fail between us and a customer's resource, in the sandbox: who must act, and what is said.

The first part is the table of AccessDenied texts, row by row; the table of STS errors is in test_sts_errors.py, and
test_error_tables.py says which test speaks of which row.
"""

import json
import logging
import traceback

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
from integrations.catalogue import Component
from tests.integrations.aws.builders import make_permission
from tests.integrations.aws.conftest import Customer, root_client

ACTION = "ec2:DescribeInstances"
OF_THE_BUCKET = "s3:GetBucketTagging"
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ACTION, "Resource": "*"}]}
ALLOW_ALL_AND_DENY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, *DENY["Statement"]],
}
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


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (ALLOW_ALL_BUT, "because no session policy allows"),
        (ALLOW_ALL_AND_DENY, "with an explicit deny in a session policy"),
    ],
)
def test_a_refusal_by_our_own_session_policy_is_never_the_customers(
    vendor, customer, monkeypatch, caplog, document, words
):
    customer.deploy()
    # A component whose session policy forgets, or denies, an action that it probes.
    forgetful = CustomerSessionPolicy(Narrowing.ACTIONS, text=compact(document))
    monkeypatch.setattr(chain, "customer_session_policies", lambda component, role, **chosen: iter([forgetful]))

    report = verify(vendor, customer)

    finding = permission(report)
    assert (finding.outcome, finding.cause, finding.who) == (Outcome.ERROR, "our_session_policy", Actor.VENDOR)
    assert finding.detail == ""
    assert words in caplog.text  # what AWS says is ours to read, and not the customer's
    assert role_status(report) == "no_verdict"


@pytest.mark.parametrize(
    "phrase",
    [
        "with an explicit deny in a VPC endpoint policy",
        "because no VPC endpoint policy allows the action",
    ],
)
def test_a_refusal_by_a_vpc_endpoint_is_our_networks_in_the_words_that_aws_has_for_it(vendor, customer, faults, phrase):
    """The sandbox has no VPC: the words are put into its mouth."""
    customer.deploy()
    words = f"is not authorized to perform: {ACTION} on resource: * {phrase}"
    faults(kind="error", service="ec2", code="AccessDenied", status=403, message=words)

    report = verify(vendor, customer)

    finding = permission(report)
    assert (finding.outcome, finding.cause, finding.who) == (Outcome.ERROR, "our_network", Actor.VENDOR)
    assert role_status(report) == "no_verdict"


def test_an_organisation_that_blocks_only_some_regions_has_them_named(vendor, member):
    member.deploy()
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}
    statement = {"Effect": "Deny", "Action": ACTION, "Resource": "*", "Condition": elsewhere}
    member.deny({"Version": "2012-10-17", "Statement": [statement]})

    report = verify(vendor, member, regions=("eu-central-1", "eu-west-1"))

    [blocked] = [finding for finding in report.findings if finding.outcome is Outcome.DENIED]
    assert (blocked.action, blocked.region, blocked.who) == (ACTION, "eu-west-1", Actor.CUSTOMER_ORGANISATION)
    assert blocked.title.endswith("in eu-west-1")
    assert "leave it out of the regions you allow" in blocked.fix


def test_a_region_that_the_customer_did_not_allow_is_not_probed(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer, regions=("eu-west-1",))

    assert {finding.region for finding in report.findings if finding.check == "permission"} == {"eu-west-1"}
    assert {finding.region for finding in report.findings if finding.check == "least_privilege"} == {"eu-west-1"}
    not_tried = found(report, "permission.region")
    assert (not_tried.outcome, not_tried.region, not_tried.cause) == (
        Outcome.NOT_APPLICABLE,
        "eu-central-1",
        "region_not_allowed",
    )
    assert role_status(report) == "connected"


def test_a_bucket_policy_is_the_bucket_owners_to_change_and_the_bucket_is_named(vendor, customer, sandbox):
    bucket, s3 = deployed_with_a_bucket(sandbox, customer, owner=customer.account_id)
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": str(customer.target().role_arn(vendor))},
        "Action": OF_THE_BUCKET,
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    finding = permission(verify(vendor, customer), OF_THE_BUCKET)

    assert (finding.outcome, finding.cause, finding.who) == (
        Outcome.DENIED,
        "blocked_by_resource_policy",
        Actor.CUSTOMER,
    )
    assert bucket in finding.title


def test_a_bucket_of_another_account_is_its_owners_to_open(vendor, customer, sandbox):
    owner = Customer(sandbox, vendor, customer.catalogue).account_id
    bucket, _ = deployed_with_a_bucket(sandbox, customer, owner=owner)

    report = verify(vendor, customer)

    finding = permission(report, OF_THE_BUCKET)
    assert f"because no resource-based policy allows the {OF_THE_BUCKET} action" in finding.detail
    assert (finding.outcome, finding.cause, finding.who) == (
        Outcome.DENIED,
        "blocked_by_resource_policy",
        Actor.CUSTOMER,
    )
    assert bucket in finding.title
    assert role_status(report) == "degraded"


def test_a_resource_control_policy_is_the_organisations_to_change(vendor, member, sandbox):
    deployed_with_a_bucket(sandbox, member, owner=member.account_id)
    assert permission(verify(vendor, member), OF_THE_BUCKET).outcome is Outcome.PASSED
    statement = {"Effect": "Deny", "Principal": "*", "Action": OF_THE_BUCKET, "Resource": "*"}
    policy = member.deny({"Version": "2012-10-17", "Statement": [statement]}, "RESOURCE_CONTROL_POLICY")

    report = verify(vendor, member)

    finding = permission(report, OF_THE_BUCKET)
    assert (finding.outcome, finding.cause, finding.who) == (
        Outcome.DENIED,
        "blocked_by_organisation",
        Actor.CUSTOMER_ORGANISATION,
    )
    assert finding.title == "Your organisation's resource control policy blocks this"
    assert policy["Arn"] in finding.detail
    assert policy["Arn"] not in redact(finding.detail)
    assert role_status(report) == "degraded"


def deployed_with_a_bucket(sandbox, customer, owner):
    """The customer's role, whose one permission is asked for on a bucket of the account `owner`; the bucket, and a
    client of its owner.
    """
    bucket = f"logs-{customer.account_id}"
    customer.catalogue = with_bucket_probe(customer.catalogue, bucket)
    customer.deploy()
    s3 = root_client(sandbox, "s3", owner)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return bucket, s3


def with_bucket_probe(catalogue, bucket):
    wanted = make_permission(
        action=OF_THE_BUCKET,
        probe={
            "service": "s3",
            "operation": "get_bucket_tagging",
            "parameters": {"Bucket": bucket},
            "allowed_errors": ["NoSuchTagSet"],
        },
    )
    component = catalogue.component("compute-analysis").model_copy(update={"permissions": (wanted,)})
    return catalogue.model_copy(update={"components": (component,)})


# What the role tells of itself


BARE = {"kind": "error", "service": "ec2", "code": "UnauthorizedOperation", "status": 403}
ENCODED = "You are not authorized to perform this operation. Encoded authorization failure message: x4yZ"


def tells(vendor, customer, **changes):
    return verify(vendor, customer, self_inspection=True, version_tag_key="Product-role-version", **changes)


@pytest.mark.parametrize("message", [None, ENCODED])
def test_a_refusal_without_a_reason_is_explained_by_the_roles_own_simulation(vendor, customer, faults, message):
    name = customer.deploy(self_inspection=True)
    customer.set_policy(name, DENY, "no-compute")
    faults(**BARE, **({"message": message} if message else {}))

    finding = permission(tells(vendor, customer))

    assert (finding.outcome, finding.cause) == (Outcome.DENIED, "blocked_by_customer_policy")
    assert "no-compute" in finding.detail


def test_a_simulation_that_allows_what_was_refused_live_makes_no_pass_of_it(vendor, customer, faults):
    customer.deploy(self_inspection=True)
    faults(**BARE)

    report = tells(vendor, customer)

    finding = permission(report)
    assert (finding.outcome, finding.cause) == (Outcome.DENIED, "blocked_beyond_the_role")
    assert role_status(report) == "degraded"


def test_a_simulation_without_an_answer_leaves_the_refusal_as_it_is(vendor, customer, faults):
    customer.deploy(self_inspection=True)
    faults(**BARE)
    faults(kind="error", service="iam", operation="SimulatePrincipalPolicy")

    finding = permission(tells(vendor, customer))

    assert (finding.outcome, finding.cause) == (Outcome.DENIED, "refused_without_reason")


def test_a_role_made_for_an_older_version_is_outdated_and_not_at_fault(vendor, customer):
    document = customer.document(self_inspection=True).inline_policies[0].document
    without = json.loads(json.dumps(document).replace('"rds:DescribeDBInstances"', '"rds:DescribeDBClusters"'))
    customer.deploy(self_inspection=True, permissions=without)
    newer = customer.catalogue.component("compute-analysis").model_dump()
    newer["version"] = "1.1.0"
    newer["permissions"][1]["since"] = "1.1.0"

    report = tells(vendor, customer, component=Component.model_validate(newer))

    finding = permission(report, "rds:DescribeDBInstances")
    assert (finding.outcome, finding.cause, finding.who) == (
        Outcome.NOT_APPLICABLE,
        "role_outdated",
        Actor.CUSTOMER,
    )
    assert report.deployed_version == "1.0.0"


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


def test_a_simulation_without_an_answer_leaves_open_what_the_role_lacks(vendor, customer, faults):
    document = customer.document(self_inspection=True).inline_policies[0].document
    without = json.loads(json.dumps(document).replace('"s3:GetLifecycleConfiguration"', '"s3:GetBucketTagging"'))
    customer.deploy(self_inspection=True, permissions=without)
    faults(kind="error", service="iam", operation="SimulatePrincipalPolicy", code="InternalFailure", status=500)

    report = verify(vendor, customer, self_inspection=True)

    finding = permission(report, "s3:GetLifecycleConfiguration")
    assert (finding.outcome, finding.cause) == (Outcome.ERROR, "simulation_unanswered")
    assert role_status(report) == "no_verdict"


def test_a_component_of_which_nothing_can_be_proved_is_never_connected(vendor, customer):
    customer.deploy()
    component = customer.catalogue.component("compute-analysis").model_dump()
    for entry in component["permissions"]:
        entry["probe"] = None

    report = verify(vendor, customer, component=Component.model_validate(component))

    assert {finding.cause for finding in report.findings if finding.check == "permission"} == {"no_probe"}
    assert role_status(report) == "no_verdict"


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
        ("MissingAuthenticationToken", 403, Outcome.ERROR, "vendor_credentials_invalid", Actor.VENDOR),
    ],
)
def test_every_way_a_probe_fails_has_its_own_finding(vendor, customer, faults, code, status, outcome, cause, who):
    customer.deploy()
    faults(kind="error", service="ec2", code=code, status=status)

    finding = permission(verify(vendor, customer))

    assert (finding.outcome, finding.cause, finding.who) == (outcome, cause, who)


def test_a_signature_that_a_service_calls_wrong_is_our_fault_and_no_region_that_is_off(vendor, customer, faults):
    customer.deploy()
    faults(kind="error", service="rds", code="SignatureDoesNotMatch", status=403)

    report = verify(vendor, customer)

    finding = permission(report, "rds:DescribeDBInstances")
    assert (finding.outcome, finding.cause) == (Outcome.ERROR, "vendor_credentials_invalid")
    assert (finding.who, role_status(report)) == (Actor.VENDOR, "no_verdict")


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
