"""Tags set by the call that makes a resource need the tagging permission too.

The sources are named in `integrations/sandbox/demands/creation_tags.py`.
"""

from typing import Any

import pytest

from tests.integrations.sandbox.world import REGION, allow, document, refusal_of, trusting

TAGS = [{"Key": "team", "Value": "red"}]
TRUST = document(trusting("*", Condition={"Bool": {"aws:SecureTransport": "false"}}))
PUT_ALARM = {
    "AlarmName": "alarm", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "MetricName": "m",
    "Namespace": "n", "Period": 60, "Statistic": "Sum", "Threshold": 1.0,
}  # fmt: skip
DATABASE = {
    "DBInstanceIdentifier": "tagged", "DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": 20,
    "MasterUsername": "root", "MasterUserPassword": "password1",
}  # fmt: skip

TEMPLATE = '{"Resources": {"H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}'

# service, call, arguments without tags, how tags are written, the action that makes, the action that tags
CALLS = [
    ("iam", "create_role", {"RoleName": "tagged", "AssumeRolePolicyDocument": TRUST}, {"Tags": TAGS},
     "iam:CreateRole", "iam:TagRole"),
    ("iam", "create_user", {"UserName": "tagged"}, {"Tags": TAGS}, "iam:CreateUser", "iam:TagUser"),
    ("iam", "create_policy", {"PolicyName": "tagged", "PolicyDocument": document(allow("s3:*"))}, {"Tags": TAGS},
     "iam:CreatePolicy", "iam:TagPolicy"),
    ("ec2", "create_volume", {"AvailabilityZone": f"{REGION}a", "Size": 1},
     {"TagSpecifications": [{"ResourceType": "volume", "Tags": TAGS}]}, "ec2:CreateVolume", "ec2:CreateTags"),
    ("ec2", "create_vpc", {"CidrBlock": "10.9.0.0/16"},
     {"TagSpecifications": [{"ResourceType": "vpc", "Tags": TAGS}]}, "ec2:CreateVpc", "ec2:CreateTags"),
    ("rds", "create_db_instance", DATABASE, {"Tags": TAGS}, "rds:CreateDBInstance", "rds:AddTagsToResource"),
    ("logs", "create_log_group", {"logGroupName": "tagged"}, {"tags": {"team": "red"}},
     "logs:CreateLogGroup", "logs:TagResource"),
    ("kms", "create_key", {}, {"Tags": [{"TagKey": "team", "TagValue": "red"}]}, "kms:CreateKey", "kms:TagResource"),
    ("elbv2", "create_target_group", {"Name": "tagged", "TargetType": "lambda"}, {"Tags": TAGS},
     "elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:AddTags"),
    ("cloudwatch", "put_metric_alarm", PUT_ALARM, {"Tags": TAGS},
     "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"),
    ("cloudformation", "create_stack",
     {"StackName": "tagged", "TemplateBody": TEMPLATE}, {"Tags": TAGS},
     "cloudformation:CreateStack", "cloudformation:TagResource"),
]  # fmt: skip
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


@pytest.mark.sandbox_only("makes databases and balancers, which cost money")
@pytest.mark.parametrize(
    ("service", "call", "arguments", "tags", "making", "tagging"), CALLS, ids=[row[4] for row in CALLS]
)
def test_tags_at_creation_need_the_tagging_action(vendor, service, call, arguments, tags, making, tagging):
    may_make = vendor.user("may-make", allow(making)).client(service)
    may_both = vendor.user("may-both", allow([making, tagging])).client(service)

    refused = refusal_of(getattr(may_make, call), **arguments, **tags)

    assert refused.code in DENIED
    assert f"not authorized to perform: {tagging}" in refused.message
    assert getattr(may_both, call)(**arguments, **tags)


@pytest.mark.sandbox_only("makes databases and balancers, which cost money")
@pytest.mark.parametrize(
    ("service", "call", "arguments", "tags", "making", "tagging"), CALLS, ids=[row[4] for row in CALLS]
)
def test_nothing_made_without_tags_needs_it(vendor, service, call, arguments, tags, making, tagging):
    may_make = vendor.user("may-make", allow(making)).client(service)

    assert getattr(may_make, call)(**arguments)


def ec2_tagger(vendor, action):
    only = {"StringEquals": {"ec2:CreateAction": action, "aws:RequestTag/team": "red"}}
    return vendor.user("tagger", allow("ec2:CreateVolume"), allow("ec2:CreateTags", Condition=only)).client("ec2")


def test_a_tag_of_ec2_can_be_allowed_at_creation_alone(vendor):
    ec2 = vendor.client("ec2")
    caller = ec2_tagger(vendor, "CreateVolume")

    volume = caller.create_volume(
        AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=[{"ResourceType": "volume", "Tags": TAGS}]
    )["VolumeId"]
    vendor.world.cleanup(ec2.delete_volume, VolumeId=volume)

    refused = refusal_of(caller.create_tags, Resources=[volume], Tags=TAGS)
    assert refused.code == "UnauthorizedOperation"


@pytest.mark.sandbox_only("makes what costs money")
def test_a_tag_of_ec2_is_judged_on_the_type_that_it_is_for(vendor):
    ec2 = vendor.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    on_instances = allow("ec2:CreateTags", "arn:aws:ec2:*:*:instance/*")
    caller = vendor.user("caller", allow("ec2:RunInstances"), on_instances).client("ec2")
    launch = {"ImageId": image, "MinCount": 1, "MaxCount": 1}

    assert caller.run_instances(**launch, TagSpecifications=[{"ResourceType": "instance", "Tags": TAGS}])
    refused = refusal_of(
        caller.run_instances, **launch,
        TagSpecifications=[{"ResourceType": "instance", "Tags": TAGS}, {"ResourceType": "volume", "Tags": TAGS}],
    )  # fmt: skip
    assert ":volume/*" in refused.message


@pytest.mark.sandbox_only("makes what costs money")
def test_a_balancers_tags_can_be_allowed_at_creation_alone(vendor):
    only = {"StringEquals": {"elasticloadbalancing:CreateAction": "CreateTargetGroup"}}
    caller = vendor.user(
        "caller", allow("elasticloadbalancing:CreateTargetGroup"),
        allow("elasticloadbalancing:AddTags", Condition=only),
    ).client("elbv2")  # fmt: skip

    made = caller.create_target_group(Name="tagged", TargetType="lambda", Tags=TAGS)["TargetGroups"][0]

    refused = refusal_of(caller.add_tags, ResourceArns=[made["TargetGroupArn"]], Tags=TAGS)
    assert refused.code == "AccessDenied"


def test_a_stacks_tags_can_be_allowed_at_creation_alone(vendor):
    only = {"StringEquals": {"cloudformation:CreateAction": "CreateStack"}}
    stacks = ["cloudformation:CreateStack", "cloudformation:UpdateStack"]
    caller = vendor.user("caller", allow(stacks), allow("cloudformation:TagResource", Condition=only))
    client, name = caller.client("cloudformation"), vendor.world.name("tagged")

    client.create_stack(StackName=name, TemplateBody=TEMPLATE, Tags=TAGS)
    vendor.world.cleanup(vendor.client("cloudformation").delete_stack, StackName=name)

    other = [{"Key": "team", "Value": "blue"}]
    refused = refusal_of(client.update_stack, StackName=name, TemplateBody=TEMPLATE, Tags=other)
    assert "cloudformation:TagResource" in refused.message


def test_a_log_group_can_be_tagged_with_the_older_permission_too(vendor):
    caller = vendor.user("caller", allow(["logs:CreateLogGroup", "logs:TagLogGroup"])).client("logs")
    name = vendor.world.name("tagged")

    assert caller.create_log_group(logGroupName=name, tags={"team": "red"})
    vendor.world.cleanup(vendor.client("logs").delete_log_group, logGroupName=name)


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        ({"Tagging": "team=red"}, "s3:PutObjectTagging"),
        ({"ACL": "bucket-owner-full-control"}, "s3:PutObjectAcl"),
    ],
)
def test_what_is_put_with_an_object_needs_its_own_permission(vendor, arguments, more):
    bucket = vendor.bucket("written")
    may_put = vendor.user("may-put", allow("s3:PutObject")).client("s3")
    may_both = vendor.user("may-both", allow(["s3:PutObject", more])).client("s3")

    assert refusal_of(may_put.put_object, Bucket=bucket, Key="key", **arguments).code == "AccessDenied"
    assert may_both.put_object(Bucket=bucket, Key="key", **arguments)
    assert may_put.put_object(Bucket=bucket, Key="key")


@pytest.mark.sandbox_only("asks for what an account may have blocked for all its buckets")
def test_a_bucket_made_with_tags_locks_or_an_owner_needs_more_than_to_be_made(vendor):
    location = {"LocationConstraint": REGION}
    caller = vendor.user("caller", allow("s3:CreateBucket")).client("s3")
    asked: dict[str, dict[str, Any]] = {
        "s3:TagResource": {"CreateBucketConfiguration": {**location, "Tags": TAGS}},
        "s3:PutBucketObjectLockConfiguration": {
            "CreateBucketConfiguration": location, "ObjectLockEnabledForBucket": True,
        },
        "s3:PutBucketOwnershipControls": {
            "CreateBucketConfiguration": location, "ObjectOwnership": "BucketOwnerEnforced",
        },
        "s3:PutBucketAcl": {"CreateBucketConfiguration": location, "ACL": "public-read"},
    }  # fmt: skip

    for action, arguments in asked.items():
        refused = refusal_of(caller.create_bucket, Bucket=f"made-{vendor.id}", **arguments)
        assert f"not authorized to perform: {action}" in refused.message


@pytest.mark.sandbox_only("makes an organisation, of which an account has one")
def test_organizations_asks_for_tags_at_creation(vendor):
    organizations = vendor.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    caller = vendor.user("caller", allow("organizations:CreateOrganizationalUnit")).client("organizations")

    assert caller.create_organizational_unit(ParentId=root, Name="plain")
    refused = refusal_of(caller.create_organizational_unit, ParentId=root, Name="tagged", Tags=TAGS)
    assert "organizations:TagResource" in refused.message
