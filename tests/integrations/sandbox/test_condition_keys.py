"""Condition operators, and which keys a call has and which it lacks.

Source: IAM user guide, "Condition operators" and "Set operators for multivalued keys"; service authorization reference.
"""

import pytest

from tests.integrations.sandbox.world import ALL_STS, REGION, Account, Actor, allow, document, refusal_of, trusting

# Each against sts:ExternalId, which can hold any of these values. `None`: no external ID is sent.
OPERATORS = [
    ("StringEquals", "one", "one", True),
    ("StringEquals", "one", "One", False),
    ("StringEquals", ["two", "one"], "one", True),
    ("StringNotEquals", "one", "one", False),
    ("StringNotEquals", ["one", "two"], "three", True),
    ("StringEqualsIgnoreCase", "one", "ONE", True),
    ("StringNotEqualsIgnoreCase", "one", "ONE", False),
    ("StringLike", "o?e*", "one-and-more", True),
    ("StringLike", "o?e", "oe", False),
    ("StringNotLike", "o*", "one", False),
    ("NumericEquals", "50", "50.0", True),
    ("NumericEquals", "50", "five", False),
    ("NumericNotEquals", "50", "60", True),
    ("NumericLessThan", "50", "40", True),
    ("NumericLessThan", "50", "50", False),
    ("NumericLessThanEquals", "50", "50", True),
    ("NumericLessThanEquals", "50", "100", False),
    ("NumericGreaterThan", "50", "100", True),
    ("NumericGreaterThan", "50", "50", False),
    ("NumericGreaterThanEquals", "50", "50", True),
    ("NumericGreaterThanEquals", "50", "40", False),
    ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
    ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", True),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", True),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
    ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("DateGreaterThan", "2026-01-01", "2026-01-01T00:00:01Z", True),
    ("DateGreaterThan", "2026-01-01", "2025-12-31", False),
    ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "no-date", False),
    ("Bool", "true", "true", True),
    ("Bool", "false", "true", False),
    ("BinaryEquals", "dXNlcg==", "dXNlcg==", True),
    ("BinaryEquals", "dXNlcg==", "dXNlcw==", False),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
    ("IpAddress", ["192.168.0.0/16", "10.1.2.3"], "10.1.2.3", True),
    ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
    ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False),
    ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
    ("ArnEquals", "arn:aws:iam::*:role/a", "arn:aws:iam::123456789012:role/a", True),
    ("ArnLike", "arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/a/b", True),
    ("ArnLike", "arn:aws:iam:*:role/a", "arn:aws:iam::123456789012:role/a", False),
    ("ArnNotEquals", "arn:aws:iam::*:role/a", "arn:aws:iam::123456789012:role/b", True),
    ("ArnNotLike", "arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/a", False),
    ("Null", "true", None, True),
    ("Null", "false", None, False),
    ("Null", "false", "one", True),
    ("Null", "true", "one", False),
    *[(operator, value, None, False) for operator, value in (
        ("StringEquals", "one"), ("StringLike", "*"), ("NumericLessThan", "50"), ("DateLessThan", "2026-01-01"),
        ("Bool", "false"), ("IpAddress", "0.0.0.0/0"), ("ArnLike", "arn:*:*:*:*:*"), ("BinaryEquals", "dXNlcg=="),
    )],
    *[(operator, value, None, True) for operator, value in (
        ("StringNotEquals", "one"), ("StringNotLike", "*"), ("NumericNotEquals", "50"), ("DateNotEquals", "2026-01-01"),
        ("NotIpAddress", "0.0.0.0/0"), ("ArnNotLike", "arn:*:*:*:*:*"),
        ("StringEqualsIfExists", "one"), ("StringLikeIfExists", "o*"), ("NumericLessThanIfExists", "50"),
        ("DateLessThanIfExists", "2026-01-01"), ("BoolIfExists", "false"), ("IpAddressIfExists", "10.0.0.0/8"),
        ("ArnLikeIfExists", "arn:aws:iam::*:role/a"),
    )],
    ("StringEqualsIfExists", "one", "two", False),
    ("NumericLessThanIfExists", "50", "60", False),
    ("BoolIfExists", "false", "true", False),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "wanted", "given", "passes"), OPERATORS)
def test_every_operator(vendor, operator, wanted, given, passes):
    caller = vendor.user("caller", allow(ALL_STS))
    role = vendor.role("target", trusting(vendor.id, Condition={operator: {"sts:ExternalId": wanted}}))
    arguments = {} if given is None else {"ExternalId": given}

    if passes:
        assert caller.assume(role, **arguments)
    else:
        assert caller.refused_role(role, **arguments).code == "AccessDenied"


@pytest.mark.parametrize(
    ("operator", "given", "passes"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "x"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAnyValue:StringEquals", ["a", "x"], True),
        ("ForAnyValue:StringEquals", ["x", "y"], False),
        ("ForAnyValue:StringEquals", [], False),
        ("ForAllValues:StringNotEquals", ["x", "y"], True),
        ("ForAllValues:StringNotEquals", ["a", "x"], False),
        ("ForAnyValue:StringNotEquals", ["a", "x"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAllValues:StringLikeIfExists", [], True),
        ("ForAnyValue:StringLike", ["x", "b"], True),
    ],
)
def test_every_quantifier(vendor, operator, given, passes):
    caller = vendor.user("caller", allow(ALL_STS))
    condition = {operator: {"aws:TagKeys": ["a", "b"]}}
    role = vendor.role("target", trusting(vendor.id, action=ALL_STS, Condition=condition))
    tags = [{"Key": key, "Value": "1"} for key in given]

    if passes:
        assert caller.assume(role, Tags=tags)
    else:
        assert caller.refused_role(role, Tags=tags).code == "AccessDenied"


@pytest.mark.sandbox_only("the header stands for the network")
@pytest.mark.parametrize(
    ("condition", "header", "passes"),
    [
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, ("X-Forwarded-For", "203.0.113.7"), True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, ("X-Forwarded-For", "198.51.100.7, 203.0.113.7"), False),
        ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, ("X-Forwarded-For", "2001:db8::7"), True),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, ("X-Forwarded-For", "203.0.113.7"), True),
        ({"Bool": {"aws:SecureTransport": "true"}}, ("X-Forwarded-Proto", "http"), False),
        ({"Bool": {"aws:SecureTransport": "false"}}, ("X-Forwarded-Proto", "http"), True),
        ({"Bool": {"aws:SecureTransport": "true"}}, ("X-Forwarded-Proto", "https"), True),
    ],
)
def test_a_request_can_say_where_it_comes_from_and_how(vendor, server, condition, header, passes):
    caller = vendor.user("caller", allow("iam:ListRoles", Condition=condition))
    iam = caller.client("iam")
    iam.meta.events.register("before-sign.iam", lambda request, **_more: request.headers.add_header(*header))

    if passes:
        assert iam.list_roles()
    else:
        assert refusal_of(iam.list_roles).code == "AccessDenied"


ABSENT = [
    ("iam", "list_roles", "iam:ListRoles", ["iam:PolicyARN", "iam:PermissionsBoundary", "iam:PassedToService"]),
    ("ec2", "describe_volumes", "ec2:DescribeVolumes", ["ec2:InstanceType", "aws:RequestTag/a", "aws:TagKeys"]),
    ("s3", "list_buckets", "s3:ListAllMyBuckets", ["s3:prefix", "s3:max-keys", "s3:x-amz-acl"]),
    ("kms", "list_keys", "kms:ListKeys", ["kms:ViaService", "kms:KeyUsage", "aws:ResourceTag/a"]),
    ("cloudtrail", "describe_trails", "cloudtrail:DescribeTrails", ["aws:RequestTag/a", "aws:TagKeys"]),
    ("logs", "describe_log_groups", "logs:DescribeLogGroups", ["aws:RequestTag/a", "aws:ResourceTag/a"]),
    ("cloudwatch", "list_metrics", "cloudwatch:ListMetrics", ["cloudwatch:namespace", "aws:RequestTag/a"]),
    ("cloudformation", "list_stacks", "cloudformation:ListStacks", ["cloudformation:RoleArn", "aws:TagKeys"]),
    ("autoscaling", "describe_auto_scaling_groups", "autoscaling:DescribeAutoScalingGroups", ["aws:ResourceTag/a"]),
    ("elbv2", "describe_load_balancers", "elasticloadbalancing:DescribeLoadBalancers", ["aws:ResourceTag/a"]),
    ("rds", "describe_db_instances", "rds:DescribeDBInstances", ["aws:RequestTag/a", "aws:TagKeys"]),
    ("lambda", "list_functions", "lambda:ListFunctions", ["lambda:FunctionArn", "aws:ResourceTag/a"]),
]
GLOBAL = ["aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:userid", "aws:username", "aws:SourceIp",
          "aws:CurrentTime", "aws:EpochTime", "aws:SecureTransport", "aws:UserAgent", "aws:RequestedRegion",
          "aws:ViaAWSService", "aws:PrincipalIsAWSService", "aws:ResourceAccount"]  # fmt: skip
NOT_OF_A_USERS_KEY = ["aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:SourceIdentity", "aws:PrincipalOrgID",
                      "aws:CalledVia", "aws:SourceArn", "aws:SourceVpce", "sts:ExternalId"]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "action", "absent"), ABSENT, ids=[row[0] for row in ABSENT])
def test_each_service_has_the_global_keys_and_lacks_those_that_the_action_does_not_have(
    vendor, service, operation, action, absent
):
    keys = {**dict.fromkeys(GLOBAL, "false"), **dict.fromkeys([*NOT_OF_A_USERS_KEY, *absent], "true")}
    caller = vendor.user("caller", allow(action, Condition={"Null": keys}))

    assert getattr(caller.client(service), operation)()


def test_sts_has_the_keys_of_assume_role(vendor):
    present = ["sts:ExternalId", "sts:RoleSessionName", "sts:SourceIdentity", "sts:TransitiveTagKeys", "aws:TagKeys",
               "aws:RequestTag/a", "aws:PrincipalArn", "aws:SourceIp", "aws:RequestedRegion"]  # fmt: skip
    absent = ["iam:PolicyARN", "s3:prefix", "aws:RequestTag/b", "iam:ResourceTag/none", "aws:SourceIdentity"]
    condition = {"Null": {**dict.fromkeys(present, "false"), **dict.fromkeys(absent, "true")}}
    caller = vendor.user("caller", allow(ALL_STS))
    rest = trusting(vendor.id, action=ALL_STS[1:])
    role = vendor.role("target", trusting(vendor.id, Condition=condition), rest)
    tags = [{"Key": "a", "Value": "1"}]

    assert caller.assume(role, ExternalId="id", SourceIdentity="alice", Tags=tags, TransitiveTagKeys=["a"])


def _delete_if_there(ec2, volume):
    if ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": [volume]}])["Volumes"]:
        ec2.delete_volume(VolumeId=volume)


def one_of(account: Account, action: str | list[str], condition: dict[str, dict[str, str]]) -> Actor:
    """Give a user who may do `action` under a condition alone."""
    return account.user("caller", allow(action, Condition=condition))


@pytest.mark.sandbox_only("makes an organisation, of which an account has one")
def test_organizations_has_the_type_of_policy(vendor, server):
    vendor.client("organizations").create_organization(FeatureSet="ALL")
    caller = one_of(
        vendor, "organizations:*", {"StringEquals": {"organizations:PolicyType": "SERVICE_CONTROL_POLICY"}}
    ).client("organizations")

    assert caller.list_policies(Filter="SERVICE_CONTROL_POLICY")
    assert refusal_of(caller.list_policies, Filter="TAG_POLICY").code == "AccessDeniedException"
    assert refusal_of(caller.list_accounts).code == "AccessDeniedException"


def test_cloudformation_has_what_a_stack_is_made_of(vendor):
    tagged = allow("cloudformation:TagResource", Condition={"StringEquals": {"aws:RequestTag/a": "1"}})
    from_url = {"StringLike": {"cloudformation:TemplateUrl": "https://*", "aws:RequestTag/a": "1"}}
    caller = vendor.user("caller", allow("cloudformation:CreateStack", Condition=from_url), tagged)
    caller = caller.client("cloudformation")
    call = {"StackName": vendor.world.name("s"), "Tags": [{"Key": "a", "Value": "1"}]}

    assert refusal_of(caller.create_stack, **call, TemplateBody="{}").code == "AccessDenied"
    assert refusal_of(caller.create_stack, **call, TemplateURL="https://bucket/none").code == "ValidationError"


def test_s3_has_what_a_listing_and_a_write_say(vendor):
    bucket = vendor.bucket("keys")
    caller = vendor.user(
        "caller",
        allow("s3:ListBucket", Condition={"NumericLessThanEquals": {"s3:max-keys": "10"}}),
        allow("s3:PutObject", Condition={"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}),
    ).client("s3")

    assert caller.list_objects_v2(Bucket=bucket, MaxKeys=10)
    assert refusal_of(caller.list_objects_v2, Bucket=bucket, MaxKeys=11).code == "AccessDenied"
    assert refusal_of(caller.list_objects_v2, Bucket=bucket).code == "AccessDenied"
    assert caller.put_object(Bucket=bucket, Key="a", ServerSideEncryption="AES256")
    assert refusal_of(caller.put_object, Bucket=bucket, Key="a").code == "AccessDenied"


def test_ec2_has_its_region_and_the_tags_of_what_is_touched(vendor):
    ec2 = vendor.client("ec2")
    red, blue = (
        ec2.create_volume(
            AvailabilityZone=f"{REGION}a", Size=1,
            TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": team}]}],
        )["VolumeId"]
        for team in ("red", "blue")
    )  # fmt: skip
    for volume in (red, blue):
        vendor.world.cleanup(_delete_if_there, ec2=ec2, volume=volume)
    condition = {"StringEquals": {"ec2:ResourceTag/team": "red", "aws:ResourceTag/team": "red", "ec2:Region": REGION}}
    caller = one_of(vendor, "ec2:DeleteVolume", condition).client("ec2")

    assert caller.delete_volume(VolumeId=red)
    assert refusal_of(caller.delete_volume, VolumeId=blue).code == "UnauthorizedOperation"


def test_kms_has_the_account_of_the_caller(vendor):
    key = vendor.client("kms").create_key()["KeyMetadata"]["KeyId"]
    vendor.world.cleanup(vendor.client("kms").schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    caller = one_of(vendor, "kms:DescribeKey", {"StringEquals": {"kms:CallerAccount": vendor.id}}).client("kms")

    assert caller.describe_key(KeyId=key)


@pytest.mark.sandbox_only("makes a key and a volume, which cost money")
@pytest.mark.parametrize(
    ("service", "action", "operation", "arguments"),
    [
        ("logs", ["logs:CreateLogGroup", "logs:TagResource"], "create_log_group",
            {"logGroupName": "g", "tags": {"team": "red"}}),
        ("kms", ["kms:CreateKey", "kms:TagResource"], "create_key", {"Tags": [{"TagKey": "team", "TagValue": "red"}]}),
        ("ec2", ["ec2:CreateVolume", "ec2:CreateTags"], "create_volume", {"AvailabilityZone": f"{REGION}a", "Size": 1,
            "TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "red"}]}]}),
    ],
)  # fmt: skip
def test_tags_of_a_request_are_keys_in_every_services_own_shape(vendor, service, action, operation, arguments):
    team = {"StringEquals": {"aws:RequestTag/team": "red"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}
    untagged = {name: value for name, value in arguments.items() if name.lower() not in {"tags", "tagspecifications"}}
    client = vendor.user("caller", allow(action, Condition=team)).client(service)

    assert getattr(client, operation)(**arguments)
    assert refusal_of(getattr(client, operation), **untagged).status in {400, 403}


@pytest.mark.sandbox_only("a metric cannot be deleted")
def test_cloudwatch_has_the_namespace_of_what_is_put(vendor):
    caller = one_of(vendor, "cloudwatch:PutMetricData", {"StringEquals": {"cloudwatch:namespace": "Mine"}})
    put = caller.client("cloudwatch").put_metric_data
    data = [{"MetricName": "m", "Value": 1.0}]

    assert put(Namespace="Mine", MetricData=data)
    assert refusal_of(put, Namespace="Other", MetricData=data).code == "AccessDenied"


def test_a_delegate_can_be_kept_to_roles_with_a_boundary(vendor):
    boundary = vendor.managed("boundary", allow("s3:*"))
    delegated = ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"]
    caller = one_of(vendor, delegated, {"ArnEquals": {"iam:PermissionsBoundary": boundary}}).client("iam")
    trust = document(trusting(vendor.id))
    vendor.role("free", trusting(vendor.id))
    free, bounded = vendor.world.name("free"), vendor.world.name("bounded")

    assert refusal_of(caller.create_role, RoleName=bounded, AssumeRolePolicyDocument=trust).code == "AccessDenied"
    vendor.role("bounded", trusting(vendor.id), PermissionsBoundary=boundary)

    more = {"PolicyName": "p", "PolicyDocument": document(allow("s3:*"))}
    caller.put_role_policy(RoleName=bounded, **more)
    assert refusal_of(caller.put_role_policy, RoleName=free, **more).code == "AccessDenied"
    assert refusal_of(caller.attach_role_policy, RoleName=free, PolicyArn=boundary).code == "AccessDenied"
