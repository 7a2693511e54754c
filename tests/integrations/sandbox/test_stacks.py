"""CloudFormation stacks that make roles. Source: CloudFormation user guide and the AWS::IAM resource references."""

import json

import pytest

from tests.integrations.sandbox.world import REGION, allow, deny, document, refusal_of, trusting

pytestmark = pytest.mark.sandbox_only(
    "a stack of the sandbox is built before CreateStack returns, and many are built wrong on purpose"
)

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Description: Access for a vendor
Parameters:
  ExternalId: {Type: String, NoEcho: true, MinLength: 2, AllowedPattern: "[a-z0-9-]+"}
  Vendor: {Type: String}
  Wide: {Type: String, Default: "no", AllowedValues: ["yes", "no"]}
Mappings:
  Hours: {Long: {Seconds: "7200"}}
Conditions:
  IsWide: !Equals [!Ref Wide, "yes"]
  NotWide: !Not [!Condition IsWide]
Resources:
  Extra:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Action: "s3:ListAllMyBuckets", Resource: "*"}]
  Boundary:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Action: ["ec2:*", "s3:*", "logs:*"], Resource: "*"}]
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: access
      Path: /vendor/
      MaxSessionDuration: !FindInMap [Hours, Long, Seconds]
      PermissionsBoundary: !Ref Boundary
      ManagedPolicyArns: [!Ref Extra]
      Tags: [{Key: Product, Value: !Join ["-", [a, !Select [1, [b, c]]]]}]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {AWS: !Sub "arn:${AWS::Partition}:iam::${Vendor}:root"}
            Action: sts:AssumeRole
            Condition: {StringEquals: {"sts:ExternalId": !Ref ExternalId}}
      Policies:
        - PolicyName: access
          PolicyDocument:
            Version: 2012-10-17
            Statement:
              - Effect: Allow
                Action: [ec2:DescribeVolumes, !If [IsWide, iam:ListRoles, !Ref "AWS::NoValue"]]
                Resource: "*"
  Logs:
    Type: AWS::Logs::LogGroup
    Condition: IsWide
    Properties: {LogGroupName: !Sub "/${AWS::StackName}/${AWS::AccountId}"}
Outputs:
  RoleArn: {Value: !GetAtt Role.Arn, Description: The role}
  Narrow: {Condition: NotWide, Value: "yes"}
"""
NAMED = ["CAPABILITY_NAMED_IAM"]


def parameters(vendor, **more):
    values = {"ExternalId": "the-id", "Vendor": vendor.id, **more}
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


@pytest.fixture
def stack(vendor, customer, server):
    cloudformation = customer.client("cloudformation")
    cloudformation.create_stack(
        StackName="access", TemplateBody=TEMPLATE, Parameters=parameters(vendor), Capabilities=NAMED
    )
    return cloudformation


def status(cloudformation, name="access"):
    return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def reasons(cloudformation, name):
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_a_stack_makes_a_working_role(vendor, customer, stack):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = f"arn:aws:iam::{customer.id}:role/vendor/access"

    assert status(stack) == "CREATE_COMPLETE"
    session = caller.assume(role, ExternalId="the-id")
    assert session.client("ec2").describe_volumes()
    assert session.client("s3").list_buckets()
    assert refusal_of(session.client("iam").list_roles).code == "AccessDenied"
    assert caller.refused_role(role).code == "AccessDenied"


def test_a_role_has_everything_that_its_template_says(customer, stack):
    role = customer.iam.get_role(RoleName="access")["Role"]
    attached = customer.iam.list_attached_role_policies(RoleName="access")["AttachedPolicies"]

    assert (role["Path"], role["MaxSessionDuration"]) == ("/vendor/", 7200)
    assert role["Tags"] == [{"Key": "Product", "Value": "a-c"}]
    assert ":policy/access-Boundary-" in role["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert [":policy/access-Extra-" in policy["PolicyArn"] for policy in attached] == [True]


def test_outputs_parameters_and_resources_are_described(vendor, customer, stack):
    described = stack.describe_stacks(StackName="access")["Stacks"][0]
    resources = stack.describe_stack_resources(StackName="access")["StackResources"]

    assert {item["OutputKey"]: item["OutputValue"] for item in described["Outputs"]} == {
        "RoleArn": f"arn:aws:iam::{customer.id}:role/vendor/access",
        "Narrow": "yes",
    }
    assert {item["ParameterKey"]: item["ParameterValue"] for item in described["Parameters"]} == {
        "ExternalId": "****",
        "Vendor": vendor.id,
        "Wide": "no",
    }
    assert described["Description"] == "Access for a vendor"
    assert {item["LogicalResourceId"] for item in resources} == {"Extra", "Boundary", "Role"}
    assert stack.get_template(StackName="access")["TemplateBody"] == TEMPLATE


def test_an_update_changes_trust_policies_and_conditions_and_keeps_the_role(vendor, customer, stack):
    caller = vendor.user("caller", allow("sts:AssumeRole"))
    role = f"arn:aws:iam::{customer.id}:role/vendor/access"
    before = customer.iam.get_role(RoleName="access")["Role"]["RoleId"]
    template = TEMPLATE.replace("PermissionsBoundary: !Ref Boundary", "").replace("[!Ref Extra]", "[]")

    stack.update_stack(
        StackName="access",
        TemplateBody=template,
        Parameters=parameters(vendor, ExternalId="new-id", Wide="yes"),
        Capabilities=NAMED,
    )

    assert status(stack) == "UPDATE_COMPLETE"
    assert customer.iam.get_role(RoleName="access")["Role"]["RoleId"] == before
    assert caller.refused_role(role, ExternalId="the-id").code == "AccessDenied"
    session = caller.assume(role, ExternalId="new-id")
    assert session.client("iam").list_roles()
    assert refusal_of(session.client("s3").list_buckets).code == "AccessDenied"
    groups = customer.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == [f"/access/{customer.id}"]


def test_deleting_a_stack_removes_all_that_it_made(customer, stack):
    stack.delete_stack(StackName="access")

    assert customer.iam.list_roles()["Roles"] == []
    assert customer.iam.list_policies(Scope="Local")["Policies"] == []
    refused = refusal_of(stack.describe_stacks, StackName="access")
    assert (refused.code, refused.message) == ("ValidationError", "Stack with id access does not exist")
    assert stack.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"][0]["StackName"] == "access"


@pytest.mark.parametrize(
    ("template", "given", "needed"),
    [
        (TEMPLATE, [], "CAPABILITY_NAMED_IAM"),
        (TEMPLATE, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
        (TEMPLATE.replace("RoleName: access", ""), [], "CAPABILITY_IAM"),
    ],
)
def test_capabilities_are_demanded(vendor, customer, server, template, given, needed):
    cloudformation = customer.client("cloudformation")

    refused = refusal_of(
        cloudformation.create_stack,
        StackName="access",
        TemplateBody=template,
        Parameters=parameters(vendor),
        Capabilities=given,
    )

    assert refused.code == "InsufficientCapabilitiesException"
    assert refused.message == f"Requires capabilities : [{needed}]"


def test_a_stack_acts_with_its_callers_permissions_and_rolls_back(vendor, customer, server):
    may = ["cloudformation:*", "iam:CreatePolicy", "iam:DeletePolicy", "iam:ListPolicyVersions"]
    limited = customer.user("limited", allow(may))
    cloudformation = limited.client("cloudformation")

    cloudformation.create_stack(
        StackName="access", TemplateBody=TEMPLATE, Parameters=parameters(vendor), Capabilities=NAMED
    )

    assert status(cloudformation) == "ROLLBACK_COMPLETE"
    assert f"User: {limited.arn} is not authorized to perform: iam:CreateRole on resource" in reasons(
        cloudformation, "access"
    )
    assert customer.iam.list_roles()["Roles"] == []
    assert customer.iam.list_policies(Scope="Local")["Policies"] == []
    refused = refusal_of(cloudformation.update_stack, StackName="access", TemplateBody=TEMPLATE + "\n")
    assert "is in ROLLBACK_COMPLETE state and can not be updated" in refused.message


def test_a_failed_update_puts_everything_back(vendor, customer, stack):
    broken = (
        TEMPLATE.replace("ec2:DescribeVolumes", "ec2:DescribeRegions")
        .replace("!Select [1, [b, c]]", "changed")
        .replace("Action: sts:AssumeRole", "Action: s3:GetObject")
    )

    stack.update_stack(StackName="access", TemplateBody=broken, Parameters=parameters(vendor), Capabilities=NAMED)

    assert status(stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert "AssumeRole policy may only specify STS AssumeRole actions" in reasons(stack, "access")
    policy = customer.iam.get_role_policy(RoleName="access", PolicyName="access")["PolicyDocument"]
    assert policy["Statement"][0]["Action"] == ["ec2:DescribeVolumes"]
    assert customer.iam.get_role(RoleName="access")["Role"]["Tags"] == [{"Key": "Product", "Value": "a-c"}]
    assert stack.get_template(StackName="access")["TemplateBody"] == TEMPLATE


def test_a_service_role_lends_its_permissions_if_it_may_be_passed(vendor, customer, server):
    role = customer.role("builder", trusting({"Service": "cloudformation.amazonaws.com"}), policy=(allow("iam:*"),))
    arguments = {"TemplateBody": TEMPLATE, "Parameters": parameters(vendor), "Capabilities": NAMED, "RoleARN": role}
    may = customer.user("may", allow(["cloudformation:*", "iam:PassRole"])).client("cloudformation")
    may_not = customer.user("may-not", allow("cloudformation:*")).client("cloudformation")

    refused = refusal_of(may_not.create_stack, StackName="access", **arguments)
    may.create_stack(StackName="access", **arguments)

    assert f"iam:PassRole on resource: {role}" in refused.message
    assert status(may) == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Parameters": []}, "must have values"),
        ({"Parameters": [{"ParameterKey": "Other", "ParameterValue": "x"}]}, "do not exist in the template"),
        ({"TemplateBody": "Resources: {}"}, "At least one Resources member must be defined"),
        ({"TemplateBody": "{not json"}, "not well-formed"),
        (
            {"TemplateBody": TEMPLATE.replace("!Ref Extra", "!Ref Nothing")},
            "dependencies [Nothing]",
        ),
        ({"TemplateBody": TEMPLATE.replace("AWS::Logs::LogGroup", "AWS::Foo::Bar")}, "Unrecognized resource types"),
        ({"TemplateBody": "x" * 51_201}, "less than or equal to 51200"),
        ({"StackName": "no spaces"}, "Member must satisfy regular expression pattern"),
    ],
)
def test_templates_and_parameters_that_are_wrong(vendor, customer, server, change, message):
    cloudformation = customer.client("cloudformation")
    arguments = {"StackName": "access", "TemplateBody": TEMPLATE, "Parameters": parameters(vendor),
                 "Capabilities": NAMED, **change}  # fmt: skip

    refused = refusal_of(cloudformation.create_stack, **arguments)

    assert refused.code == "ValidationError"
    assert message in refused.message


@pytest.mark.parametrize(
    ("value", "message"), [({"ExternalId": "x"}, "MinLength"), ({"ExternalId": "UPPER"}, "must match pattern"),
                           ({"Wide": "perhaps"}, "must be one of AllowedValues")]
)  # fmt: skip
def test_values_that_break_a_constraint(vendor, customer, server, value, message):
    refused = refusal_of(
        customer.client("cloudformation").create_stack,
        StackName="access",
        TemplateBody=TEMPLATE,
        Parameters=parameters(vendor, **value),
        Capabilities=NAMED,
    )

    assert message in refused.message


def test_the_same_name_twice_and_an_update_of_nothing(vendor, stack):
    arguments = {"StackName": "access", "TemplateBody": TEMPLATE, "Parameters": parameters(vendor),
                 "Capabilities": NAMED}  # fmt: skip

    assert refusal_of(stack.create_stack, **arguments).code == "AlreadyExistsException"
    refused = refusal_of(stack.update_stack, **arguments)
    assert (refused.code, refused.message) == ("ValidationError", "No updates are to be performed.")


def test_a_change_set_shows_changes_and_makes_them(vendor, customer, stack):
    arguments = {"StackName": "access", "ChangeSetName": "wider", "UsePreviousTemplate": True,
                 "Parameters": parameters(vendor, Wide="yes"), "Capabilities": NAMED}  # fmt: skip
    stack.create_change_set(**arguments)

    described = stack.describe_change_set(StackName="access", ChangeSetName="wider")
    assert described["Status"] == "CREATE_COMPLETE"
    assert customer.client("logs").describe_log_groups()["logGroups"] == []

    stack.execute_change_set(StackName="access", ChangeSetName="wider")
    assert status(stack) == "UPDATE_COMPLETE"
    assert customer.client("logs").describe_log_groups()["logGroups"]


def test_a_template_can_come_from_a_bucket(vendor, customer, server):
    s3 = customer.client("s3")
    s3.create_bucket(Bucket=f"t-{customer.id}", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=f"t-{customer.id}", Key="access.yaml", Body=TEMPLATE.encode())
    cloudformation = customer.client("cloudformation")

    cloudformation.create_stack(
        StackName="access",
        TemplateURL=f"https://t-{customer.id}.s3.{REGION}.amazonaws.com/access.yaml",
        Parameters=parameters(vendor),
        Capabilities=NAMED,
    )

    assert status(cloudformation) == "CREATE_COMPLETE"


def test_a_template_in_json(vendor, customer, server):
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": json.loads(document(trusting(vendor.id)))},
            },
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "PolicyName": "p",
                    "Roles": [{"Ref": "Role"}],
                    "PolicyDocument": json.loads(document(allow("iam:ListRoles"))),
                },
            },
        },
        "Outputs": {"Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }
    cloudformation = customer.client("cloudformation")
    cloudformation.create_stack(StackName="plain", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    role = cloudformation.describe_stacks(StackName="plain")["Stacks"][0]["Outputs"][0]["OutputValue"]
    caller = vendor.user("caller", allow("sts:AssumeRole"))

    assert caller.assume(role).client("iam").list_roles()


def test_a_protected_stack_is_not_deleted(customer, stack):
    stack.update_termination_protection(StackName="access", EnableTerminationProtection=True)

    assert "TerminationProtection is enabled" in refusal_of(stack.delete_stack, StackName="access").message


def test_stacks_of_other_accounts_and_regions_are_not_seen(vendor, customer, stack):
    assert vendor.client("cloudformation").describe_stacks()["Stacks"] == []
    assert customer.client("cloudformation", "us-east-1").describe_stacks()["Stacks"] == []
    limited = customer.user("limited", allow("cloudformation:*"), deny("cloudformation:DeleteStack"))
    assert refusal_of(limited.client("cloudformation").delete_stack, StackName="access").code == "AccessDenied"
