"""The policy simulator. Source: IAM API reference, SimulatePrincipalPolicy and SimulateCustomPolicy."""

import pytest

from tests.integrations.sandbox.world import allow, deny, document, refusal_of, trusting


def simulate(account, role, *actions, **more):
    answer = account.iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=list(actions), **more)
    return answer["EvaluationResults"]


def test_allowed_implicitly_denied_and_explicitly_denied(customer):
    role = customer.role("target", trusting(customer.id), policy=(allow("ec2:Describe*"), deny("ec2:DescribeVpcs")))

    results = simulate(customer, role, "ec2:DescribeVolumes", "ec2:DescribeVpcs", "s3:ListAllMyBuckets")

    assert [result["EvalDecision"] for result in results] == ["allowed", "explicitDeny", "implicitDeny"]
    assert [len(result["MatchedStatements"]) for result in results] == [1, 1, 0]
    assert results[0]["MatchedStatements"][0]["SourcePolicyId"] == "permissions"
    assert results[0]["EvalResourceName"] == "*"


def test_resources_are_simulated_one_by_one(customer):
    role = customer.role("target", trusting(customer.id), policy=(allow("s3:GetObject", "arn:aws:s3:::mine/*"),))

    results = simulate(customer, role, "s3:GetObject", ResourceArns=["arn:aws:s3:::mine/a", "arn:aws:s3:::other/a"])

    assert [(result["EvalResourceName"], result["EvalDecision"]) for result in results] == [
        ("arn:aws:s3:::mine/a", "allowed"),
        ("arn:aws:s3:::other/a", "implicitDeny"),
    ]


def test_context_that_is_missing_is_named_and_context_that_is_given_counts(customer):
    condition = {"StringEquals": {"aws:RequestedRegion": "eu-central-1", "ec2:Region": "${aws:PrincipalTag/Where}"}}
    role = customer.role("target", trusting(customer.id), policy=(allow("ec2:RunInstances", Condition=condition),))
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": ["eu-central-1"], "ContextKeyType": "string"}
        for key in ("aws:RequestedRegion", "ec2:Region", "aws:PrincipalTag/Where")
    ]

    without = simulate(customer, role, "ec2:RunInstances")[0]
    given = simulate(customer, role, "ec2:RunInstances", ContextEntries=entries)[0]

    assert without["EvalDecision"] == "implicitDeny"
    assert set(without["MissingContextValues"]) == {"aws:RequestedRegion", "ec2:Region", "aws:PrincipalTag/Where"}
    assert (given["EvalDecision"], given["MissingContextValues"]) == ("allowed", [])


def test_the_boundary_counts_and_is_reported(customer):
    boundary = customer.managed("boundary", allow("s3:*"))
    role = customer.role("target", trusting(customer.id), policy=(allow("*"),), PermissionsBoundary=boundary)

    inside, outside = simulate(customer, role, "s3:ListAllMyBuckets", "ec2:DescribeVpcs")

    assert (inside["EvalDecision"], outside["EvalDecision"]) == ("allowed", "implicitDeny")
    assert inside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    assert outside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


@pytest.mark.sandbox_only("makes an organisation, of which an account has one, and a member account")
def test_the_organisation_counts_and_is_reported(vendor, world, server):
    org = vendor.client("organizations", "us-east-1")
    org.create_organization(FeatureSet="ALL")
    org.enable_policy_type(RootId=org.list_roots()["Roots"][0]["Id"], PolicyType="SERVICE_CONTROL_POLICY")
    made = org.create_account(AccountName="member", Email="m@example.com")["CreateAccountStatus"]["AccountId"]
    policy = org.create_policy(
        Name="no-ec2", Description="", Type="SERVICE_CONTROL_POLICY", Content=document(deny("ec2:*"))
    )
    org.attach_policy(PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=made)
    iam = world.client("iam", made)
    role = iam.create_role(RoleName="target", AssumeRolePolicyDocument=document(trusting(made)))["Role"]["Arn"]
    iam.put_role_policy(RoleName="target", PolicyName="p", PolicyDocument=document(allow("*")))

    answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["ec2:DescribeVpcs", "iam:ListRoles"])
    denied, allowed = answer["EvaluationResults"]

    assert denied["EvalDecision"] == "explicitDeny"
    assert denied["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    assert allowed["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}


def test_trust_and_session_policies_are_ignored(vendor):
    starter = vendor.user("starter", allow("sts:AssumeRole"))
    may = allow(["iam:SimulatePrincipalPolicy", "s3:*"])
    role = vendor.role("target", trusting(starter.arn), policy=(may,))
    only = document(allow("iam:SimulatePrincipalPolicy", role))

    session = starter.assume(role, Policy=only)
    answer = session.client("iam").simulate_principal_policy(PolicySourceArn=role, ActionNames=["s3:ListAllMyBuckets"])

    assert answer["EvaluationResults"][0]["EvalDecision"] == "allowed"
    assert refusal_of(session.client("s3").list_buckets).code == "AccessDenied"


@pytest.mark.parametrize(
    ("arn", "actions", "code"),
    [
        ("arn:aws:iam::ACCOUNT:role/none", ["s3:GetObject"], "NoSuchEntity"),
        ("arn:aws:s3:::bucket", ["s3:GetObject"], "InvalidInput"),
        ("arn:aws:iam::ACCOUNT:role/TARGET", ["s3:Get*"], "InvalidInput"),
        ("arn:aws:iam::ACCOUNT:role/TARGET", ["GetObject"], "InvalidInput"),
    ],
)
def test_what_the_simulator_does_not_take(customer, arn, actions, code):
    customer.role("target", trusting(customer.id))
    source = arn.replace("ACCOUNT", customer.id).replace("TARGET", customer.world.name("target"))

    refused = refusal_of(customer.iam.simulate_principal_policy, PolicySourceArn=source, ActionNames=actions)

    assert refused.code == code


def test_custom_policies(customer):
    answer = customer.iam.simulate_custom_policy(
        PolicyInputList=[document(allow("s3:*")), document(deny("s3:DeleteObject"))],
        PermissionsBoundaryPolicyInputList=[document(allow(["s3:GetObject", "s3:DeleteObject"]))],
        ActionNames=["s3:GetObject", "s3:DeleteObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::b/k"],
    )

    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    assert decisions == ["allowed", "explicitDeny", "implicitDeny"]
    assert answer["EvaluationResults"][1]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.2"


def test_a_custom_policy_that_is_wrong(customer):
    refused = refusal_of(customer.iam.simulate_custom_policy, PolicyInputList=["{}"], ActionNames=["s3:GetObject"])

    assert refused.code == "InvalidInput"


def test_a_custom_policys_missing_context_is_named_and_given_context_counts(customer):
    policy = document(allow("ec2:RunInstances", Condition={"StringEquals": {"ec2:InstanceType": "t3.micro"}}))
    asked = {"PolicyInputList": [policy], "ActionNames": ["ec2:RunInstances"]}
    entry = {"ContextKeyName": "ec2:InstanceType", "ContextKeyValues": ["t3.micro"], "ContextKeyType": "string"}

    [without] = customer.iam.simulate_custom_policy(**asked)["EvaluationResults"]
    [given] = customer.iam.simulate_custom_policy(**asked, ContextEntries=[entry])["EvaluationResults"]

    assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", ["ec2:InstanceType"])
    assert (given["EvalDecision"], given["MissingContextValues"]) == ("allowed", [])
