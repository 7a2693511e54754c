"""Every call is authorised before it is answered, and refused in the service's own protocol.

Source: service authorization reference; IAM user guide, "Troubleshoot access denied error messages".
"""

from typing import Any

import pytest

from tests.integrations.sandbox.world import REGION, allow, deny, document, refusal_of, trusting

CALLS: list[tuple[str, str, dict[str, Any], str, str, int]] = [
    ("ec2", "describe_instances", {}, "ec2:DescribeInstances", "UnauthorizedOperation", 403),
    ("ec2", "describe_volumes", {}, "ec2:DescribeVolumes", "UnauthorizedOperation", 403),
    ("s3", "list_buckets", {}, "s3:ListAllMyBuckets", "AccessDenied", 403),
    ("iam", "list_roles", {}, "iam:ListRoles", "AccessDenied", 403),
    ("logs", "describe_log_groups", {}, "logs:DescribeLogGroups", "AccessDeniedException", 400),
    ("logs", "describe_resource_policies", {}, "logs:DescribeResourcePolicies", "AccessDeniedException", 400),
    ("cloudwatch", "list_metrics", {}, "cloudwatch:ListMetrics", "AccessDenied", 400),
    ("cloudwatch", "describe_alarms", {}, "cloudwatch:DescribeAlarms", "AccessDenied", 400),
    ("cloudtrail", "describe_trails", {}, "cloudtrail:DescribeTrails", "AccessDeniedException", 400),
    ("cloudtrail", "lookup_events", {}, "cloudtrail:LookupEvents", "AccessDeniedException", 400),
    ("kms", "list_keys", {}, "kms:ListKeys", "AccessDeniedException", 400),
    ("rds", "describe_db_instances", {}, "rds:DescribeDBInstances", "AccessDenied", 403),
    ("rds", "describe_db_snapshots", {}, "rds:DescribeDBSnapshots", "AccessDenied", 403),
    ("rds", "describe_db_clusters", {}, "rds:DescribeDBClusters", "AccessDenied", 403),
    ("lambda", "list_functions", {}, "lambda:ListFunctions", "AccessDeniedException", 403),
    ("cloudformation", "list_stacks", {}, "cloudformation:ListStacks", "AccessDenied", 403),
    ("organizations", "list_accounts", {}, "organizations:ListAccounts", "AccessDeniedException", 400),
    ("autoscaling", "describe_auto_scaling_groups", {}, "autoscaling:DescribeAutoScalingGroups", "AccessDenied", 403),
    ("elbv2", "describe_load_balancers", {}, "elasticloadbalancing:DescribeLoadBalancers", "AccessDenied", 403),
    ("elb", "describe_load_balancers", {}, "elasticloadbalancing:DescribeLoadBalancers", "AccessDenied", 403),
]


@pytest.mark.parametrize(("service", "operation", "arguments", "action", "code", "status"), CALLS)
def test_a_denied_call_answers_in_its_services_shape(vendor, service, operation, arguments, action, code, status):
    caller = vendor.user("caller", allow("sts:AssumeRole"))

    refused = refusal_of(getattr(caller.client(service), operation), **arguments)

    assert (refused.code, refused.status) == (code, status)
    assert f"User: {caller.arn} is not authorized to perform: {action}" in refused.message
    assert refused.message.endswith(f"because no identity-based policy allows the {action} action")
    assert refused.message.startswith("You are not authorized to perform this operation. ") == (service == "ec2")


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "action"), [call[:4] for call in CALLS if call[0] != "organizations"]
)
def test_an_allowed_call_is_answered(vendor, service, operation, arguments, action):
    caller = vendor.user("caller", allow(action))

    answer = getattr(caller.client(service), operation)(**arguments)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.sandbox_only("AWS has these services")
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("dynamodb", "list_tables"),
        ("sqs", "list_queues"),
        ("sns", "list_topics"),
        ("secretsmanager", "list_secrets"),
        ("athena", "list_work_groups"),
    ],
)
def test_any_other_service_is_refused_as_not_in_the_sandbox(vendor, server, service, operation):
    caller = vendor.user("caller", allow("*"))

    refused = refusal_of(getattr(caller.client(service), operation))

    assert refused.code == "NotInTheSandbox"
    assert "is not in the sandbox" in refused.message


@pytest.mark.parametrize(
    ("operation", "arguments", "action", "resource"),
    [
        ("get_bucket_encryption", {}, "GetEncryptionConfiguration", ""),
        ("get_public_access_block", {}, "GetBucketPublicAccessBlock", ""),
        ("get_bucket_lifecycle_configuration", {}, "GetLifecycleConfiguration", ""),
        ("get_bucket_location", {}, "GetBucketLocation", ""),
        ("get_bucket_cors", {}, "GetBucketCORS", ""),
        ("get_bucket_replication", {}, "GetReplicationConfiguration", ""),
        ("get_bucket_policy", {}, "GetBucketPolicy", ""),
        ("list_objects_v2", {}, "ListBucket", ""),
        ("list_object_versions", {}, "ListBucketVersions", ""),
        ("get_object", {"Key": "a/b"}, "GetObject", "/a/b"),
        ("put_object", {"Key": "a/b"}, "PutObject", "/a/b"),
        ("delete_object", {"Key": "a/b"}, "DeleteObject", "/a/b"),
        ("get_object_tagging", {"Key": "a/b"}, "GetObjectTagging", "/a/b"),
    ],
)
def test_s3_calls_need_the_actions_that_the_reference_names(vendor, operation, arguments, action, resource):
    caller = vendor.user("caller")

    refused = refusal_of(getattr(caller.client("s3"), operation), Bucket="some-bucket", **arguments)

    assert f's3:{action} on resource: "arn:aws:s3:::some-bucket{resource}" because' in refused.message


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "resource"),
    [
        ("iam", "get_role", {"RoleName": "KNOWN"}, "role KNOWN"),
        ("iam", "get_role", {"RoleName": "unknown"}, "role unknown"),
        ("iam", "list_attached_role_policies", {"RoleName": "KNOWN"}, "role KNOWN"),
        ("iam", "get_instance_profile", {"InstanceProfileName": "p"}, "instance profile p"),
        ("iam", "tag_role", {"RoleName": "KNOWN", "Tags": []}, "arn:aws:iam::ACCOUNT:role/some/path/KNOWN"),
        ("iam", "list_roles", {}, "arn:aws:iam::ACCOUNT:role/"),
        ("iam", "list_roles", {"PathPrefix": "/some/"}, "arn:aws:iam::ACCOUNT:role/some/"),
        ("iam", "list_users", {}, "arn:aws:iam::ACCOUNT:user/"),
        ("iam", "list_groups", {}, "arn:aws:iam::ACCOUNT:group/"),
        ("iam", "list_policies", {}, "policy path /"),
        ("iam", "get_account_summary", {}, "*"),
        ("iam", "create_user", {"UserName": "new", "Path": "/x/"}, "arn:aws:iam::ACCOUNT:user/x/new"),
        ("iam", "get_policy", {"PolicyArn": "arn:aws:iam::aws:policy/X"}, "policy arn:aws:iam::aws:policy/X"),
        ("iam", "create_policy", {"PolicyName": "p", "PolicyDocument": "{}"}, "policy p"),
        ("iam", "simulate_principal_policy", {"PolicySourceArn": "arn:aws:iam::ACCOUNT:role/some/path/KNOWN",
            "ActionNames": ["s3:ListAllMyBuckets"]}, "arn:aws:iam::ACCOUNT:role/some/path/KNOWN"),
        ("logs", "describe_log_streams", {"logGroupName": "/a/b"}, "arn:aws:logs:REGION:ACCOUNT:log-group:/a/b"),
        ("logs", "describe_log_groups", {}, "arn:aws:logs:REGION:ACCOUNT:log-group::log-stream:"),
        ("kms", "list_keys", {}, "*"),
        ("lambda", "list_functions", {}, "*"),
        ("organizations", "list_accounts", {}, "*"),
        ("cloudformation", "list_stacks", {}, "arn:aws:cloudformation:REGION:ACCOUNT:stack/*/*"),
        ("rds", "describe_db_instances", {}, "arn:aws:rds:REGION:ACCOUNT:db:*"),
        ("kms", "describe_key", {"KeyId": "1234"}, "arn:aws:kms:REGION:ACCOUNT:key/1234"),
        ("lambda", "get_function", {"FunctionName": "f"}, "arn:aws:lambda:REGION:ACCOUNT:function:f"),
        ("ec2", "terminate_instances", {"InstanceIds": ["i-1234"]}, "arn:aws:ec2:REGION:ACCOUNT:instance/i-1234"),
        ("ec2", "delete_volume", {"VolumeId": "vol-1"}, "arn:aws:ec2:REGION:ACCOUNT:volume/vol-1"),
        ("cloudwatch", "delete_alarms", {"AlarmNames": ["a"]}, "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:a"),
        ("cloudformation", "describe_stacks", {"StackName": "s"}, "arn:aws:cloudformation:REGION:ACCOUNT:stack/s/*"),
        ("rds", "delete_db_instance", {"DBInstanceIdentifier": "d"}, "arn:aws:rds:REGION:ACCOUNT:db:d"),
    ],
)  # fmt: skip
def test_calls_name_the_resource_that_they_touch(vendor, service, operation, arguments, resource):
    vendor.role("known", trusting(vendor.id), Path="/some/path/")
    caller = vendor.user("caller")
    known = vendor.world.name("known")
    filled = {
        key: value.replace("ACCOUNT", vendor.id).replace("KNOWN", known) if isinstance(value, str) else value
        for key, value in arguments.items()
    }
    expected = resource.replace("ACCOUNT", vendor.id).replace("REGION", REGION).replace("KNOWN", known)

    refused = refusal_of(getattr(caller.client(service), operation), **filled)

    assert f" on resource: {expected} because no identity-based policy allows" in refused.message


def test_a_list_is_allowed_by_a_resource_that_covers_what_its_refusal_names(vendor):
    resources = [f"arn:aws:iam::{vendor.id}:role/*", f"arn:aws:logs:*:{vendor.id}:log-group:*"]
    caller = vendor.user("caller", allow(["iam:ListRoles", "iam:ListUsers", "logs:DescribeLogGroups"], resources))
    narrow = vendor.user("narrow", allow("logs:DescribeLogGroups", f"arn:aws:logs:*:{vendor.id}:log-group:/mine*"))

    assert caller.client("iam").list_roles()
    assert caller.client("logs").describe_log_groups()
    assert refusal_of(caller.client("iam").list_users).code == "AccessDenied"
    assert refusal_of(narrow.client("logs").describe_log_groups, logGroupNamePrefix="/mine").status == 400


@pytest.mark.sandbox_only("AWS has these services")
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "describe_volumes"), ("s3", "list_buckets"), ("cloudwatch", "list_metrics"),
        ("cloudtrail", "describe_trails"), ("autoscaling", "describe_auto_scaling_groups"),
        ("elbv2", "describe_load_balancers"),
    ],
)  # fmt: skip
def test_services_whose_refusals_name_no_resource_for_a_list(vendor, service, operation):
    caller = vendor.user("caller")

    assert " on resource:" not in refusal_of(getattr(caller.client(service), operation)).message


def test_an_explicit_deny_ends_in_the_arn_of_the_policy_that_denies(vendor):
    caller = vendor.user("caller", allow("iam:*"))
    denying = vendor.managed("denying", deny("iam:ListUsers"))
    vendor.attach(caller, denying)

    refused = refusal_of(caller.client("iam").list_users)

    assert refused.message.endswith(f"with an explicit deny in an identity-based policy: {denying}")


def test_not_action_and_not_resource(vendor):
    kept = vendor.role("kept", trusting(vendor.id))
    vendor.role("other", trusting(vendor.id))
    caller = vendor.user(
        "caller",
        {"Effect": "Allow", "NotAction": "iam:ListUsers", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:GetRole", "NotResource": kept},
    )
    iam = caller.client("iam")

    assert iam.list_roles()
    assert refusal_of(iam.list_users).code == "AccessDenied"
    assert iam.get_role(RoleName=kept.rsplit("/", 1)[1])
    assert "explicit deny" in refusal_of(iam.get_role, RoleName=vendor.world.name("other")).message


def test_actions_ignore_case_and_take_wildcards(vendor):
    caller = vendor.user("caller", allow(["IAM:listr?les", "ec2:describe*"]))

    assert caller.client("iam").list_roles()
    assert caller.client("ec2").describe_volumes()
    assert refusal_of(caller.client("iam").list_users).code == "AccessDenied"


def test_policies_that_aws_manages_can_be_attached(vendor):
    session = vendor.session("auditor")
    vendor.iam.attach_role_policy(
        RoleName=vendor.world.name("auditor"), PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    )
    vendor.world.changed()

    assert session.client("iam").list_roles()
    assert refusal_of(session.client("ec2").describe_volumes).code == "UnauthorizedOperation"


def test_permissions_come_from_groups_too(vendor):
    caller = vendor.user("caller")
    group = vendor.world.name("readers")
    vendor.iam.create_group(GroupName=group)
    policy = vendor.managed("reading", allow("iam:ListRoles"))
    vendor.iam.attach_group_policy(GroupName=group, PolicyArn=policy)
    vendor.iam.add_user_to_group(GroupName=group, UserName=caller.arn.rsplit("/", 1)[1])
    vendor.world.changed()

    assert caller.client("iam").list_roles()


LOOPBACK = pytest.mark.sandbox_only("comes from this machine's own address")


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ({"StringEquals": {"aws:RequestedRegion": REGION}}, True),
        ({"StringNotEquals": {"aws:RequestedRegion": REGION}}, False),
        ({"StringLike": {"aws:RequestedRegion": ["us-*", "eu-*"]}}, True),
        pytest.param({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True, marks=LOOPBACK),
        pytest.param({"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "10.0.0.0/8"]}}, False, marks=LOOPBACK),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": False}}, False),
        ({"Bool": {"aws:ViaAWSService": "false"}}, True),
        ({"Null": {"aws:TokenIssueTime": "true"}}, True),
        ({"Null": {"aws:MultiFactorAuthPresent": "false"}}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
        ({"DateGreaterThan": {"aws:EpochTime": "1577836800"}}, True),
        ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, True),
        ({"NumericLessThanEquals": {"aws:EpochTime": "12"}}, False),
        ({"NumericNotEquals": {"aws:EpochTime": "12"}}, True),
        ({"NumericEquals": {"aws:EpochTime": "not a number"}}, False),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam:*:user/*"}}, False),
        ({"StringLike": {"aws:PrincipalArn": "arn:aws:iam:*:user/*"}}, True),
        ({"StringLike": {"aws:UserAgent": "*otocore*"}}, True),
        ({"StringEquals": {"aws:username": "USER"}}, True),
        ({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"}}, True),
        ({"StringEquals": {"aws:username": "${*}"}}, False),
        ({"StringEquals": {"aws:username": "${aws:PrincipalTag/none}"}}, False),
        ({"StringNotEquals": {"no:SuchKey": "x"}}, True),
        ({"StringEqualsIfExists": {"no:SuchKey": "x"}}, True),
        ({"BinaryEquals": {"aws:username": "dXNlcg=="}}, False),
        ({"StringEquals": {"aws:RequestedRegion": REGION, "aws:username": "nobody"}}, False),
        ({"StringEquals": {"aws:RequestedRegion": REGION}, "Null": {"aws:username": "true"}}, False),
    ],
)
def test_global_condition_keys_and_operators(vendor, condition, passes):
    caller = vendor.user("caller")
    name = caller.arn.rsplit("/", 1)[1]
    filled = {
        operator: {key: name if value == "USER" else value for key, value in keys.items()}
        for operator, keys in condition.items()
    }
    vendor.iam.put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=document(allow("ec2:DescribeVolumes", Condition=filled))
    )
    vendor.world.changed()

    if passes:
        assert caller.client("ec2").describe_volumes()
    else:
        assert refusal_of(caller.client("ec2").describe_volumes).code == "UnauthorizedOperation"


@pytest.mark.parametrize(
    ("key", "action", "operation"),
    [
        ("sts:ExternalId", "iam:ListRoles", "list_roles"),
        ("iam:PolicyARN", "iam:ListRoles", "list_roles"),
        ("aws:RequestTag/x", "iam:ListRoles", "list_roles"),
        ("iam:ResourceTag/x", "iam:ListRoles", "list_roles"),
        ("ec2:Region", "iam:ListRoles", "list_roles"),
        ("kms:CallerAccount", "iam:ListRoles", "list_roles"),
    ],
)
def test_a_key_is_absent_for_actions_that_the_reference_does_not_list_it_for(vendor, key, action, operation):
    caller = vendor.user("caller", allow(action, Condition={"Null": {key: "true"}}))

    assert getattr(caller.client("iam"), operation)()


def test_the_policy_that_is_attached_is_a_condition_key(vendor):
    wanted, other = (vendor.managed(name, allow("s3:ListAllMyBuckets")) for name in ("wanted", "other"))
    role = vendor.role("target", trusting(vendor.id)).rsplit("/", 1)[1]
    caller = vendor.user("caller", allow("iam:AttachRolePolicy", Condition={"ArnEquals": {"iam:PolicyARN": wanted}}))
    iam = caller.client("iam")

    iam.attach_role_policy(RoleName=role, PolicyArn=wanted)

    assert refusal_of(iam.attach_role_policy, RoleName=role, PolicyArn=other).code == "AccessDenied"


def test_the_tags_of_the_request_and_of_the_resource_are_condition_keys(vendor):
    caller = vendor.user(
        "caller",
        allow("iam:CreateRole", Condition={"StringEquals": {"aws:RequestTag/team": "red"}}),
        allow("iam:TagRole", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
        allow("iam:GetRole", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}}),
    )
    iam = caller.client("iam")
    trust = document(trusting(vendor.id))
    red, blue = ([{"Key": "team", "Value": colour}] for colour in ("red", "blue"))
    vendor.role("blue", trusting(vendor.id), tags={"team": "blue"})

    named, other = vendor.world.name("red"), vendor.world.name("x")
    iam.create_role(RoleName=named, AssumeRolePolicyDocument=trust, Tags=red)

    assert refusal_of(iam.create_role, RoleName=other, AssumeRolePolicyDocument=trust, Tags=blue).code == "AccessDenied"
    assert refusal_of(iam.create_role, RoleName=other, AssumeRolePolicyDocument=trust).code == "AccessDenied"
    assert iam.get_role(RoleName=named)
    assert refusal_of(iam.get_role, RoleName=vendor.world.name("blue")).code == "AccessDenied"
    iam.tag_role(RoleName=named, Tags=red)
    assert refusal_of(iam.tag_role, RoleName=named, Tags=[{"Key": "other", "Value": ""}]).code == "AccessDenied"


def test_a_dry_run_tells_whether_the_call_is_allowed(vendor):
    caller = vendor.user("caller", allow("ec2:CreateVolume"))
    ec2 = caller.client("ec2")

    allowed = refusal_of(ec2.create_volume, AvailabilityZone=f"{REGION}a", Size=1, DryRun=True)
    denied = refusal_of(ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)

    assert (allowed.code, allowed.status) == ("DryRunOperation", 412)
    assert denied.code == "UnauthorizedOperation"


def test_passing_a_role_needs_pass_role(vendor):
    role = vendor.role("function", trusting({"Service": "lambda.amazonaws.com"}))
    caller = vendor.user("caller", allow("lambda:CreateFunction"))
    arguments = {"FunctionName": "f", "Runtime": "python3.12", "Role": role, "Handler": "m.f",
                 "Code": {"ZipFile": b"x"}}  # fmt: skip

    refused = refusal_of(caller.client("lambda").create_function, **arguments)

    assert f"iam:PassRole on resource: {role} because" in refused.message
