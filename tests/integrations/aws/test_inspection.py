"""Self-inspection: what a role tells of itself, from Stubber where the sandbox cannot answer, else in the sandbox."""

import copy
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from botocore.stub import Stubber

from integrations.aws.arns import parse_role_arn, role_arn
from integrations.aws.clients import ClientFactory, SessionCredentials
from integrations.aws.errors import Refused
from integrations.aws.findings import judge_simulation
from integrations.aws.inspection import (
    Question,
    RolePolicies,
    Simulation,
    more_than_asked,
    read_policies,
    read_role,
    simulate,
)
from integrations.aws.policies import grant_test_session_policy, inspection_session_policy
from integrations.aws.report import Actor, Outcome, role_status
from integrations.aws.verify import verify_role
from integrations.catalogue import Component, NeverGranted
from tests.integrations.aws.builders import CUSTOMER, ROLE_ARN, make_catalogue, make_permission
from tests.integrations.aws.conftest import Customer

NAME = "rolebridge-c1-compute-analysis"


def found(report, check):
    return {finding.cause: finding for finding in report.findings if finding.check == check}


def verify(vendor, customer, **changes):
    target = customer.target(self_inspection=True, version_tag_key="Product-role-version", **changes)
    return verify_role(vendor, target, on_finding=lambda finding: None)


@pytest.fixture
def iam():
    credentials = SessionCredentials("ASIA", "secret", "token", datetime.now(UTC) + timedelta(hours=1))
    return ClientFactory().with_session("iam", "us-east-1", credentials)


@pytest.fixture
def stub(iam):
    with Stubber(iam) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_the_session_may_read_the_role_itself_and_nothing_else():
    [statement] = json.loads(inspection_session_policy(ROLE_ARN))["Statement"]

    assert statement["Resource"] == ROLE_ARN
    assert all(action.startswith(("iam:Get", "iam:List", "iam:Simulate")) for action in statement["Action"])


def test_a_role_is_read_with_its_boundary_and_tags(iam, stub):
    role = {
        "Path": "/",
        "RoleName": NAME,
        "RoleId": "AROAEXAMPLEEXAMPLE",
        "Arn": ROLE_ARN,
        "CreateDate": datetime.now(UTC),
        "AssumeRolePolicyDocument": quote(json.dumps({"Statement": []})),
        "MaxSessionDuration": 7200,
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": "arn:aws:iam::1:policy/b",
        },
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    stub.add_response("get_role", {"Role": role}, {"RoleName": NAME})

    read = read_role(iam, NAME)

    assert read.trust_policy == {"Statement": []}
    assert (read.max_session_seconds, read.boundary_arn, read.tags) == (7200, "arn:aws:iam::1:policy/b", {"a": "1"})


def test_policies_are_read_over_all_pages(iam, stub):
    document = {"Statement": [{"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}]}
    stub.add_response(
        "list_role_policies", {"PolicyNames": ["a"], "IsTruncated": True, "Marker": "next"}, {"RoleName": NAME}
    )
    stub.add_response("list_role_policies", {"PolicyNames": ["b"]}, {"RoleName": NAME, "Marker": "next"})
    attached = [{"PolicyName": "p", "PolicyArn": "arn:aws:iam::aws:policy/p"}]
    stub.add_response("list_attached_role_policies", {"AttachedPolicies": attached}, {"RoleName": NAME})
    for name in ("a", "b"):
        answer = {"RoleName": NAME, "PolicyName": name, "PolicyDocument": quote(json.dumps(document))}
        stub.add_response("get_role_policy", answer, {"RoleName": NAME, "PolicyName": name})

    read = read_policies(iam, NAME)

    assert read == RolePolicies({"a": document, "b": document}, ("arn:aws:iam::aws:policy/p",))


CONTEXT = [
    {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["eu-west-1"], "ContextKeyType": "string"},
]
A = Question("s3:GetLifecycleConfiguration", "eu-west-1")
B = Question("ec2:StopInstances", "eu-west-1")


def test_a_simulation_is_asked_for_the_role_itself_with_all_that_is_alike_in_one_call(iam, stub):
    stub.add_response(
        "simulate_principal_policy",
        {
            "EvaluationResults": [
                {"EvalActionName": "s3:GetLifecycleConfiguration", "EvalDecision": "allowed"},
                {
                    "EvalActionName": "ec2:StopInstances",
                    "EvalDecision": "explicitDeny",
                    "MatchedStatements": [{"SourcePolicyId": "guard"}, {"SourcePolicyId": "guard"}],
                    "MissingContextValues": ["aws:sourceip"],
                    "OrganizationsDecisionDetail": {"AllowedByOrganizations": False},
                    "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
                },
            ]
        },
        {
            "PolicySourceArn": ROLE_ARN,
            "ActionNames": ["s3:GetLifecycleConfiguration", "ec2:StopInstances"],
            "ResourceArns": ["*"],
            "ContextEntries": CONTEXT,
        },
    )

    answers = simulate(iam, ROLE_ARN, [A, B])

    assert answers == {
        A: Simulation("s3:GetLifecycleConfiguration", "allowed"),
        B: Simulation("ec2:StopInstances", "explicitDeny", True, True, ("guard",), ("aws:sourceip",)),
    }


def test_a_simulation_asks_about_the_permissions_own_resources_under_its_own_conditions(iam, stub):
    permission = make_permission(
        resources=("arn:aws:s3:::logs", "arn:aws:s3:::logs/*"),
        conditions={"StringEquals": {"aws:ResourceTag/Team": ("data", "web")}, "Bool": {"aws:SecureTransport": "true"}},
    )
    question = Question.about(permission, role_arn("aws-cn", CUSTOMER, "/", NAME), "eu-west-1")
    result = {"EvalActionName": permission.action}
    stub.add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [{**result, "EvalDecision": "allowed"}, {**result, "EvalDecision": "implicitDeny"}]},
        {
            "PolicySourceArn": ROLE_ARN,
            "ActionNames": [permission.action],
            "ResourceArns": ["arn:aws-cn:s3:::logs", "arn:aws-cn:s3:::logs/*"],
            "ContextEntries": [
                *CONTEXT,
                {"ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"},
                {"ContextKeyName": "aws:ResourceTag/Team", "ContextKeyValues": ["data"], "ContextKeyType": "string"},
            ],
        },
    )

    # One of the two resources is denied, and that is the answer.
    assert simulate(iam, ROLE_ARN, [question])[question].decision == "implicitDeny"


def test_a_refused_inspection_is_ours_to_read(iam, stub):
    stub.add_client_error("get_role", "AccessDenied", http_status_code=403)

    with pytest.raises(Refused):
        read_role(iam, NAME)


@pytest.mark.parametrize(
    ("decision", "organisation", "boundary", "cause", "who"),
    [
        ("implicitDeny", False, False, "missing_permission", Actor.CUSTOMER),
        ("explicitDeny", False, False, "blocked_by_customer_policy", Actor.CUSTOMER),
        ("explicitDeny", True, False, "blocked_by_organisation", Actor.CUSTOMER_ORGANISATION),
        ("implicitDeny", False, True, "blocked_by_boundary", Actor.CUSTOMER),
    ],
)
def test_a_simulation_that_denies_names_who_must_act(decision, organisation, boundary, cause, who):
    verdict = judge_simulation(Simulation("s3:X", decision, organisation, boundary))

    assert verdict is not None
    assert (verdict.outcome, verdict.cause, verdict.who) == (Outcome.DENIED, cause, who)


def test_a_simulation_that_allows_is_no_complaint():
    assert judge_simulation(Simulation("s3:X", "allowed", False, False)) is None


ROLE = parse_role_arn(ROLE_ARN)


def test_more_than_asked_is_named_policy_by_policy_and_action_by_action():
    component = make_catalogue().component("compute-analysis")
    policies = RolePolicies(
        inline={
            "permissions": {
                "Statement": [
                    {"Effect": "Allow", "Action": ["ec2:DescribeInstances", "EC2:describeinstances"], "Resource": "*"},
                    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                    {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
                    {"Effect": "Allow", "Action": "*", "Resource": "*"},
                    {"Effect": "Allow", "Action": "iam:GetRole", "Resource": [ROLE_ARN, "*"]},
                    {"Effect": "Deny", "Action": "kms:*", "Resource": "*"},
                ]
            }
        },
        managed_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess", f"arn:aws:iam::{CUSTOMER}:policy/{NAME}-1"),
    )

    assert more_than_asked(policies, component, ROLE) == (
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        # It is called as the template would call its own, but this component's permissions need none.
        f"arn:aws:iam::{CUSTOMER}:policy/{NAME}-1",
        "permissions: s3:*",
        "permissions: everything but iam:*",
        "permissions: *",
        "permissions: iam:GetRole on *",
    )


def test_a_permission_that_reaches_further_than_asked_is_named():
    logs = make_permission(action="s3:GetObject", resources=("arn:aws:s3:::logs/*",))
    tagged = make_permission(action="s3:ListBucket", conditions={"StringEquals": {"aws:ResourceTag/a": "b"}})
    component = make_catalogue().component("compute-analysis").model_copy(update={"permissions": (logs, tagged)})

    def statement(action, **more):
        return {"Effect": "Allow", "Action": action, **more}

    inline = [
        statement("s3:GetObject", Resource="arn:aws:s3:::logs/*"),
        statement("s3:GetObject", Resource="*"),
        statement("s3:GetObject", NotResource="arn:aws:s3:::secret/*"),
        statement("s3:ListBucket", Resource="*"),
        statement("s3:ListBucket", Resource="*", Condition={"StringEquals": {"aws:ResourceTag/a": "b"}}),
    ]

    assert more_than_asked(RolePolicies({"p": {"Statement": inline}}, ()), component, ROLE) == (
        "p: s3:GetObject on *",
        "p: s3:GetObject on everything but arn:aws:s3:::secret/*",
        "p: s3:ListBucket without the condition that we ask for",
    )


def test_what_is_asked_for_is_compared_for_the_roles_own_account():
    buckets = make_permission(
        resources=("arn:aws:s3:::*",), conditions={"StringEquals": {"s3:ResourceAccount": "{account}"}}
    )
    databases = make_permission(action="rds:DescribeDBInstances", resources=("arn:aws:rds:*:{account}:db:*",))
    component = make_catalogue().component("compute-analysis").model_copy(update={"permissions": (buckets, databases)})

    def attached(account_id, condition_account):
        return [
            {
                "Effect": "Allow",
                "Action": "s3:GetLifecycleConfiguration",
                "Resource": "arn:aws:s3:::*",
                "Condition": {"StringEquals": {"S3:resourceaccount": condition_account}},
            },
            {
                "Effect": "Allow",
                "Action": "rds:DescribeDBInstances",
                "Resource": f"arn:aws:rds:*:{account_id}:db:*",
            },
        ]

    as_asked, other = attached(CUSTOMER, CUSTOMER), attached("999999999999", ["999999999999", CUSTOMER])

    assert more_than_asked(RolePolicies({"p": {"Statement": as_asked}}, ()), component, ROLE) == ()
    assert more_than_asked(RolePolicies({"p": {"Statement": other}}, ()), component, ROLE) == (
        "p: s3:GetLifecycleConfiguration without the condition that we ask for",
        "p: rds:DescribeDBInstances on arn:aws:rds:*:999999999999:db:*",
    )


@pytest.mark.parametrize("self_inspection", [False, True])
def test_a_scoped_permission_is_proved_and_missed_like_any_other(vendor, customer, self_inspection):
    scoped = [
        {"resources": ["*"]},
        {"resources": ["arn:aws:rds:*:{account}:db:*"]},
        {"resources": ["arn:aws:s3:::*"], "conditions": {"StringEquals": {"s3:ResourceAccount": "{account}"}}},
    ]
    entry = customer.catalogue.component("compute-analysis").model_dump()
    entry["permissions"] = [one | more for one, more in zip(entry["permissions"], scoped, strict=True)]
    component = Component.model_validate(entry)
    customer.catalogue = customer.catalogue.model_copy(update={"components": (component,)})
    name = customer.deploy(self_inspection=self_inspection)
    there = customer.document(self_inspection=self_inspection).inline_policies[0].document
    elsewhere = json.loads(json.dumps(there).replace(f"rds:*:{customer.account_id}", "rds:*:999999999999"))

    granted = verify_role(vendor, customer.target(self_inspection=self_inspection), on_finding=lambda _: None)
    customer.set_policy(name, elsewhere)
    missed = verify_role(vendor, customer.target(self_inspection=self_inspection), on_finding=lambda _: None)

    assert f"arn:aws:rds:*:{customer.account_id}:db:*" in json.dumps(there)
    assert role_status(granted) == "connected"
    if self_inspection:
        [simulated] = [one for one in granted.findings if one.action == "s3:GetLifecycleConfiguration"]
        assert (simulated.outcome, simulated.cause) == (Outcome.PASSED, "simulated")
        assert found(granted, "inspection.policies").keys() == {"allowed"}
    denied = [one.action for one in missed.findings if (one.check, one.outcome) == ("permission", Outcome.DENIED)]
    assert denied == ["rds:DescribeDBInstances"]


# Against the sandbox


@pytest.mark.parametrize("vendor", ["abac", "chained", "direct"], indirect=True)
def test_a_role_made_from_the_template_is_clean_and_tells_its_version(vendor, customer):
    customer.deploy(self_inspection=True)

    report = verify(vendor, customer)

    assert role_status(report) == "connected"
    for check in ("inspection.trust", "inspection.role", "inspection.policies"):
        assert {finding.outcome for finding in found(report, check).values()} == {Outcome.PASSED}, check
    assert report.deployed_version == "1.0.0"
    assert "rolebridge-inspection-c1" in {receipt.session_name for receipt in report.receipts}


def test_an_unexpected_principal_is_named(vendor, customer):
    trust = copy.deepcopy(customer.document().trust_policy)
    for statement in trust["Statement"]:
        statement["Principal"]["AWS"] = [statement["Principal"]["AWS"], f"arn:aws:iam::{customer.account_id}:root"]
    customer.deploy(self_inspection=True, trust=trust)

    report = verify(vendor, customer)

    finding = found(report, "inspection.trust")["trust_other_principal"]
    assert (finding.outcome, finding.who) == (Outcome.VIOLATED, Actor.CUSTOMER)
    assert customer.account_id in finding.title
    assert role_status(report) == "connected"


def test_f14_attached_policies_are_listed(vendor, customer):
    name = customer.deploy(self_inspection=True)
    more = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "*"}],
    }
    customer.set_policy(name, more, "more")

    finding = found(verify(vendor, customer), "inspection.policies")["more_than_asked"]

    assert finding.outcome is Outcome.VIOLATED
    assert finding.detail == "more: ec2:TerminateInstances"


def test_drift_of_session_length_and_boundary_is_seen(vendor, customer):
    customer.deploy(self_inspection=True, MaxSessionDuration=7200)

    report = verify(vendor, customer, boundary_arn=f"arn:aws:iam::{customer.account_id}:policy/boundary")

    assert set(found(report, "inspection.role")) == {"session_too_long", "boundary_lost"}


def test_a_role_that_does_not_let_itself_be_read_is_not_blamed_for_more_than_that(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer)

    assert found(report, "inspection.role")["missing_permission"].outcome is Outcome.DENIED
    assert role_status(report) == "connected"


def test_a_role_that_was_not_asked_to_is_not_read(vendor, customer):
    customer.deploy(self_inspection=True)

    report = verify_role(vendor, customer.target(), on_finding=lambda finding: None)

    assert not [finding for finding in report.findings if finding.check.startswith("inspection.")]


def test_a_permission_that_neither_probe_nor_simulation_can_prove_is_shown_as_such(vendor, customer):
    customer.deploy()

    report = verify(vendor, customer)

    [finding] = [finding for finding in report.findings if finding.action == "s3:GetLifecycleConfiguration"]
    assert (finding.outcome, finding.cause) == (Outcome.SKIPPED, "no_probe")


def test_a_role_that_holds_the_previous_external_id_is_told_apart(vendor, customer):
    customer.deploy()

    report = verify_role(
        vendor,
        customer.target(external_id="rb-the-new-one", previous_external_ids=(customer.target().external_id,)),
        on_finding=lambda finding: None,
    )

    assert role_status(report) == "not_assumable"
    assert "previous_external_id" in found(report, "chain.integration_to_customer")
    assert "previous_external_id_accepted" in found(report, "trust.previous_external_id")


WRITES = NeverGranted(action="s3:DeleteBucket", reason="Nothing of yours is ours to delete.")


def with_write(customer):
    component = customer.catalogue.component("compute-analysis")
    return component.model_copy(update={"never_granted": (*component.never_granted, WRITES)})


def least_privilege(report, action):
    [finding] = [f for f in report.findings if (f.check, f.action) == ("least_privilege", action)]
    return finding


def test_f14_an_action_that_no_harmless_call_can_try_is_simulated(vendor, customer):
    name = customer.deploy(self_inspection=True)

    assert least_privilege(verify(vendor, customer, component=with_write(customer)), WRITES.action).cause == "simulated"

    wild = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"}]}
    customer.set_policy(name, wild, "everything-else")
    report = verify(vendor, customer, component=with_write(customer))

    for action in (WRITES.action, "iam:ListUsers"):
        finding = least_privilege(report, action)
        assert (finding.outcome, finding.cause) == (Outcome.VIOLATED, "over_granted")
        assert "everything-else" in finding.fix
    assert "everything-else: everything but ec2:*" in found(report, "inspection.policies")["more_than_asked"].detail


def test_an_action_that_nothing_can_tell_of_is_never_called_denied(vendor, customer):
    customer.deploy()

    report = verify_role(vendor, customer.target(component=with_write(customer)), on_finding=lambda finding: None)

    finding = least_privilege(report, WRITES.action)
    assert (finding.outcome, finding.cause) == (Outcome.SKIPPED, "no_probe")


def test_what_is_only_simulated_is_never_allowed_to_a_session(customer):
    [statement] = json.loads(grant_test_session_policy(with_write(customer)))["Statement"]

    assert statement["Action"] == ["iam:ListUsers"]


def test_a_lost_product_tag_is_drift_where_nothing_else_asks_for_it(vendors, as_worker, sandbox):
    as_worker("chained")
    customer = Customer(sandbox, vendors["chained"], make_catalogue())
    customer.deploy(self_inspection=True, tags={})

    report = verify(vendors["chained"], customer)

    assert "product_tag_lost" in found(report, "inspection.role")
