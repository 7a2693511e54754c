"""What a call demands: each action with its resource and the condition keys that the reference lists for it.

Source: service authorization reference; where an operation's action has another name (most in S3) the table below.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from integrations.sandbox import reference
from integrations.sandbox.action_keys import Place, keys_of_action
from integrations.sandbox.context import Keys, tag_keys
from integrations.sandbox.operations import Operation
from integrations.sandbox.resource_tags import tags_of_resource

_S3_ACTIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObject",
    "SelectObjectContent": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteBucketInventoryConfiguration": "PutInventoryConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "PutBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "PutBucketMetricsConfiguration": "PutMetricsConfiguration",
    "DeleteBucketMetricsConfiguration": "PutMetricsConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "PutBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "DeleteBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
}
_ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeAsync",
}

_PARAMETERS = {
    ("iam", "policy"): ("PolicyArn",),
    ("iam", "mfa"): ("SerialNumber",),
    ("iam", "oidc-provider"): ("OpenIDConnectProviderArn",),
    ("iam", "saml-provider"): ("SAMLProviderArn",),
    ("logs", "log-group"): ("logGroupName", "logGroupIdentifier", "logGroupArn", "resourceArn", "logGroupNames"),
    ("cloudtrail", "trail"): ("Name", "TrailName", "TrailARN", "ResourceId"),
    ("kms", "key"): ("KeyId", "TargetKeyId"),
    ("kms", "alias"): ("AliasName",),
    ("cloudwatch", "alarm"): ("AlarmName", "AlarmNames", "ResourceARN"),
    ("cloudwatch", "dashboard"): ("DashboardName", "DashboardNames"),
    ("autoscaling", "autoscalinggroup"): ("AutoScalingGroupName",),
    ("autoscaling", "launchconfiguration"): ("LaunchConfigurationName",),
    ("elasticloadbalancing", "loadbalancer"): ("LoadBalancerName", "LoadBalancerNames"),
    ("lambda", "function"): ("FunctionName", "Resource"),
    ("rds", "db"): ("DBInstanceIdentifier", "ResourceName"),
    ("rds", "cluster"): ("DBClusterIdentifier",),
    ("rds", "snapshot"): ("DBSnapshotIdentifier",),
    ("rds", "cluster-snapshot"): ("DBClusterSnapshotIdentifier",),
    ("rds", "pg"): ("DBParameterGroupName",),
    ("rds", "subgrp"): ("DBSubnetGroupName",),
    ("rds", "secgrp"): ("DBSecurityGroupName",),
    ("organizations", "account"): ("AccountId", "TargetId", "ResourceId", "ChildId"),
    ("organizations", "policy"): ("PolicyId", "ResourceId"),
    ("organizations", "organizationalunit"): ("OrganizationalUnitId", "ParentId", "TargetId", "ResourceId"),
    ("organizations", "root"): ("RootId", "ParentId", "TargetId", "ResourceId"),
}
"""Where an operation names a resource; other types are found by their own name, `vpc-endpoint` in `VpcEndpointId`."""

_LISTS = {
    ("iam", "ListRoles"): "arn:{partition}:iam::{account}:role{path}",
    ("iam", "ListUsers"): "arn:{partition}:iam::{account}:user{path}",
    ("iam", "ListGroups"): "arn:{partition}:iam::{account}:group{path}",
    ("iam", "ListInstanceProfiles"): "arn:{partition}:iam::{account}:instance-profile{path}",
    ("logs", "DescribeLogGroups"): "arn:{partition}:logs:{region}:{account}:log-group::log-stream:",
    ("cloudformation", "ListStacks"): "arn:{partition}:cloudformation:{region}:{account}:stack/*/*",
}
"""Lists for which the reference has no resource, but AWS's refusals name one: so they ask for that."""

_INSIDE_NAME = {
    ("autoscaling", "autoscalinggroup"): "*:autoScalingGroupName/{}",
    ("autoscaling", "launchconfiguration"): "*:launchConfigurationName/{}",
}
_ORGANIZATION_IDS = {
    "account": re.compile(r"^\d{12}$"),
    "policy": re.compile(r"^p-"),
    "organizationalunit": re.compile(r"^ou-"),
    "root": re.compile(r"^r-"),
}


@dataclass(frozen=True)
class Demand:
    """One permission that the call needs."""

    action: str
    resource: str
    keys: Keys = field(default_factory=dict)


def demands_of(operation: Operation, place: Place) -> list[Demand]:
    """Give every permission that the call needs; all of them must be allowed."""
    if operation.service == "s3":
        return list(_s3(operation, place))
    action = _ACTIONS.get((operation.service, operation.name), operation.name)
    types = reference.resource_types(operation.prefix, action)
    common = keys_of_action(operation, place)
    found = [
        Demand(f"{operation.prefix}:{action}", arn, {**common, **_resource_keys(operation.prefix, kind, arn, place)})
        for kind in types
        for arn in _arns(operation, kind, place)
    ]
    if not found and types and not _reads_list(operation):
        arn = _format(operation.prefix, types[0], "*", place)
        found = [Demand(f"{operation.prefix}:{action}", arn, common)]
    if not found:
        found = [Demand(f"{operation.prefix}:{action}", _list(operation, place), common)]
    return found + list(_passed_roles(operation))


def _list(operation: Operation, place: Place) -> str:
    path = operation.params.get("PathPrefix") or "/"
    return _LISTS.get((operation.prefix, operation.name), "*").format(
        partition=place.partition, region=place.region, account=place.account, path=path
    )


def _reads_list(operation: Operation) -> bool:
    """Tell whether a call that names no resource asks for none, though the reference has one for its action."""
    if operation.service == "cloudwatch":
        return "dataset" in reference.resource_types("cloudwatch", operation.name)
    return operation.service == "ec2" and operation.name.startswith("Describe")


def _format(prefix: str, kind: str, name: str, place: Place) -> str:
    return (
        reference.arn_format(prefix, kind)
        .replace("${Partition}", place.partition)
        .replace("${Region}", place.region)
        .replace("${Account}", place.account)
        .replace(".*", name)
    )


def _arns(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    prefix = operation.prefix
    if prefix == "iam" and kind in {"role", "user", "group", "instance-profile", "policy"}:
        yield from _iam(operation, kind, place)
        return
    if prefix == "cloudformation" and kind in {"stack", "stackset"}:
        yield from _cloudformation(operation, kind, place)
        return
    if prefix == "elasticloadbalancing" and operation.service == "elbv2":
        yield from _by_arn_parameters(operation, kind)
        return
    for value in _named(operation, prefix, kind):
        if prefix == "organizations":
            expression = _ORGANIZATION_IDS.get(kind)
            if expression is not None and not expression.match(value):
                continue
            value = f"*/{value}"
        if value.startswith("arn:"):
            yield value.removesuffix(":*") if prefix == "logs" else value
        elif prefix == "kms" and kind == "key" and value.startswith("alias/"):
            continue
        else:
            name = value.removeprefix("alias/") if prefix == "kms" else value
            yield _format(prefix, kind, _INSIDE_NAME.get((prefix, kind), "{}").format(name), place)


def _named(operation: Operation, prefix: str, kind: str) -> Iterator[str]:
    names = _PARAMETERS.get((prefix, kind))
    if names is None:
        stem = re.sub(r"[^a-z0-9]", "", kind.lower())
        wanted = {stem + end for end in ("", "s", "id", "ids", "name", "names", "arn", "arns", "identifier")}
        names = tuple(name for name in operation.params if name.lower() in wanted)
    for name in names:
        value = operation.params.get(name)
        if isinstance(value, str) and value:
            yield value
            return
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            yield from value
            return


def _by_arn_parameters(operation: Operation, kind: str) -> Iterator[str]:
    """Give the ARNs in the parameters that are of this type: elbv2 names everything by ARN."""
    for value in operation.params.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and f":{kind.rstrip('/')}/" in text and text.startswith("arn:"):
                yield text


def _iam(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    params = operation.params
    stem = f"arn:{place.partition}:iam::{place.account}"
    path = params.get("Path") or "/"
    creates = operation.name.startswith("Create")
    if kind == "role" and "RoleName" in params:
        yield place.find_role(params["RoleName"]) or f"{stem}:role{path if creates else '/'}{params['RoleName']}"
    elif kind == "role" and "PolicySourceArn" in params:
        yield params["PolicySourceArn"]
    elif kind == "user" and "UserName" in params:
        yield place.find_user(params["UserName"]) or f"{stem}:user{path if creates else '/'}{params['UserName']}"
    elif kind == "user" and ":user/" in place.caller_arn and "GroupName" not in params:
        yield place.caller_arn
    elif kind == "policy" and "PolicyArn" in params:
        yield params["PolicyArn"]
    elif kind == "policy" and "PolicyName" in params:
        yield f"{stem}:policy{path}{params['PolicyName']}"
    elif kind == "group" and "GroupName" in params:
        yield f"{stem}:group{path if creates else '/'}{params['GroupName']}"
    elif kind == "instance-profile" and "InstanceProfileName" in params:
        yield f"{stem}:instance-profile{path if creates else '/'}{params['InstanceProfileName']}"


def _cloudformation(operation: Operation, kind: str, place: Place) -> Iterator[str]:
    stem = f"arn:{place.partition}:cloudformation:{place.region}:{place.account}"
    if kind == "stack":
        name = operation.params.get("StackName")
        if isinstance(name, str) and name:
            yield name if name.startswith("arn:") else place.find_stack(name) or f"{stem}:stack/{name}/*"
        elif operation.name == "DescribeStacks":
            yield f"{stem}:stack/*/*"
    elif isinstance(operation.params.get("StackSetName"), str):
        yield f"{stem}:stackset/{operation.params['StackSetName']}:*"


def _s3(operation: Operation, place: Place) -> Iterator[Demand]:
    params = operation.params
    action = f"s3:{_S3_ACTIONS.get(operation.name, operation.name)}"
    bucket = params.get("Bucket")
    keys = keys_of_action(operation, place)
    if not bucket:
        yield Demand(action, "*", keys)
        return
    bucket_arn = bucket if str(bucket).startswith("arn:") else f"arn:{place.partition}:s3:::{bucket}"
    if operation.name == "DeleteObjects":
        for item in (params.get("Delete") or {}).get("Objects", []):
            yield Demand(action, f"{bucket_arn}/{item.get('Key', '')}", keys)
        return
    key = params.get("Key")
    version = params.get("VersionId")
    if key is not None and "object" in reference.resource_types("s3", action.removeprefix("s3:")):
        if version and operation.name in {
            "GetObject",
            "HeadObject",
            "DeleteObject",
            "GetObjectAcl",
            "GetObjectTagging",
        }:
            action = {"GetObjectAcl": "s3:GetObjectVersionAcl", "GetObjectTagging": "s3:GetObjectVersionTagging"}.get(
                operation.name, f"{action}Version"
            )
        source = params.get("CopySource")
        if isinstance(source, str):
            yield Demand("s3:GetObject", f"arn:{place.partition}:s3:::{source.split('?')[0].lstrip('/')}")
        yield Demand(action, f"{bucket_arn}/{key}", keys)
        return
    yield Demand(action, bucket_arn, keys)


def _resource_keys(prefix: str, kind: str, arn: str, place: Place) -> Keys:
    listed = reference.condition_keys(prefix, kind)
    if "aws:resourcetag/${tagkey}" not in listed:
        return {}
    tags = tags_of_resource(prefix, kind, arn, place.partition, place.region, place.account)
    keys = tag_keys("aws:resourcetag", tags)
    if f"{prefix}:resourcetag/${{tagkey}}" in listed:
        keys.update(tag_keys(f"{prefix}:resourcetag", tags))
    return keys


def _passed_roles(operation: Operation) -> Iterable[Demand]:
    """Give `iam:PassRole` for calls that hand a role to a service."""
    passed = {
        ("cloudformation", "RoleARN"): "cloudformation.amazonaws.com",
        ("lambda", "Role"): "lambda.amazonaws.com",
    }
    for (service, parameter), principal in passed.items():
        role = operation.params.get(parameter)
        if operation.service == service and operation.changes and isinstance(role, str) and role:
            yield Demand("iam:PassRole", role, {"iam:passedtoservice": (principal,)})
