"""The condition keys that single actions have, by hand: the reference's copy holds those of resources alone.

Source: service authorization reference. A key is offered to the actions that it lists the key for, and to no other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrations.sandbox.context import Keys, tag_keys
from integrations.sandbox.identities import Tags, as_tags
from integrations.sandbox.operations import Operation

_TAGGED_AT_WILL = ("Tag", "Untag", "Create", "AddTags", "RemoveTags", "Run", "Register", "Allocate", "Import", "Copy",
                   "Request", "Purchase", "Restore", "Put", "Update")  # fmt: skip

_STACKS = ("CreateStack", "UpdateStack", "CreateChangeSet")
_CHANGE_SETS = ("CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "DeleteChangeSet")
_S3_LISTS = ("ListObjects", "ListObjectsV2", "ListObjectVersions")
_S3_WRITES = ("PutObject", "CopyObject", "CreateMultipartUpload")
_S3_ACLS = (*_S3_WRITES, "PutObjectAcl", "PutBucketAcl", "CreateBucket")
_S3_VERSIONS = ("GetObject", "HeadObject", "DeleteObject", "GetObjectAcl", "GetObjectTagging")
_PARAMETER_KEYS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("iam", "PolicyArn"): ("iam:policyarn", (
        "AttachRolePolicy", "DetachRolePolicy", "AttachUserPolicy", "DetachUserPolicy", "AttachGroupPolicy",
        "DetachGroupPolicy",
    )),
    ("iam", "PermissionsBoundary"): ("iam:permissionsboundary", (
        "CreateRole", "CreateUser", "PutRolePermissionsBoundary", "PutUserPermissionsBoundary",
    )),
    ("iam", "AWSServiceName"): ("iam:awsservicename", ("CreateServiceLinkedRole",)),
    ("cloudformation", "RoleARN"): ("cloudformation:rolearn", (*_STACKS, "DeleteStack")),
    ("cloudformation", "TemplateURL"): ("cloudformation:templateurl", _STACKS),
    ("cloudformation", "StackPolicyURL"): ("cloudformation:stackpolicyurl", _STACKS),
    ("cloudformation", "ResourceTypes"): ("cloudformation:resourcetypes", _STACKS),
    ("cloudformation", "ChangeSetName"): ("cloudformation:changesetname", _CHANGE_SETS),
    ("organizations", "PolicyType"): ("organizations:policytype", (
        "EnablePolicyType", "DisablePolicyType", "DescribeEffectivePolicy",
    )),
    ("organizations", "Type"): ("organizations:policytype", ("CreatePolicy",)),
    ("organizations", "Filter"): ("organizations:policytype", ("ListPolicies", "ListPoliciesForTarget")),
    ("organizations", "ServicePrincipal"): ("organizations:serviceprincipal", (
        "EnableAWSServiceAccess", "DisableAWSServiceAccess", "RegisterDelegatedAdministrator",
        "DeregisterDelegatedAdministrator",
    )),
    ("s3", "Prefix"): ("s3:prefix", _S3_LISTS),
    ("s3", "Delimiter"): ("s3:delimiter", _S3_LISTS),
    ("s3", "MaxKeys"): ("s3:max-keys", _S3_LISTS),
    ("s3", "ACL"): ("s3:x-amz-acl", _S3_ACLS),
    ("s3", "ServerSideEncryption"): ("s3:x-amz-server-side-encryption", _S3_WRITES),
    ("s3", "SSEKMSKeyId"): ("s3:x-amz-server-side-encryption-aws-kms-key-id", _S3_WRITES),
    ("s3", "StorageClass"): ("s3:x-amz-storage-class", _S3_WRITES),
    ("s3", "VersionId"): ("s3:versionid", _S3_VERSIONS),
    ("cloudwatch", "Namespace"): ("cloudwatch:namespace", ("PutMetricData",)),
}  # fmt: skip
"""By service and parameter: the condition key that holds it, and the operations that have the key."""

_ON_A_BOUNDED = ("AttachRolePolicy", "DetachRolePolicy", "PutRolePolicy", "DeleteRolePolicy",
                 "DeleteRolePermissionsBoundary", "AttachUserPolicy", "DetachUserPolicy", "PutUserPolicy",
                 "DeleteUserPolicy", "DeleteUserPermissionsBoundary")  # fmt: skip
"""Changes whose `iam:PermissionsBoundary` is the boundary that the role or user has already."""


@dataclass(frozen=True)
class Place:
    """Where a call is made, and how to find the ARN of a role or user by name (it holds a path).

    `find_boundary` takes `role` or `user` and a name.
    """

    partition: str
    region: str
    account: str
    caller_arn: str
    find_role: Callable[[str], str | None]
    find_user: Callable[[str], str | None]
    find_stack: Callable[[str], str | None]
    find_boundary: Callable[[str, str], str | None]


def keys_of_action(operation: Operation, place: Place) -> Keys:
    """Give the keys that the call has by its action, whatever the resource."""
    keys = _request_tags(operation)
    for (service, parameter), (key, operations) in _PARAMETER_KEYS.items():
        value = operation.params.get(parameter)
        if service == operation.service and operation.name in operations and value:
            keys[key] = tuple(map(str, value)) if isinstance(value, list) else (str(value),)
    if operation.service == "iam" and operation.name in _ON_A_BOUNDED:
        kind = "role" if "RoleName" in operation.params else "user"
        boundary = place.find_boundary(kind, str(operation.params.get(f"{kind.title()}Name", "")))
        if boundary is not None:
            keys["iam:permissionsboundary"] = (boundary,)
    if operation.service == "ec2":
        keys["ec2:region"] = (place.region,)
    if operation.service == "kms" and operation.params.get("KeyId"):
        keys["kms:calleraccount"] = (place.account,)
    return keys


def _request_tags(operation: Operation) -> Keys:
    """Give `aws:RequestTag/…` and `aws:TagKeys` for calls that set or remove tags."""
    if not operation.name.startswith(_TAGGED_AT_WILL):
        return {}
    tags: Tags = {}
    removed: list[str] = []
    for name, value in operation.params.items():
        lowered = name.lower()
        if lowered in {"tags", "taglist", "tagslist"}:
            tags.update(_read_tags(value))
        elif lowered == "tagspecifications" and isinstance(value, list):
            for specification in value:
                tags.update(_read_tags((specification or {}).get("Tags")))
        elif lowered == "tagkeys" and isinstance(value, list):
            removed += [str(item) for item in value]
    keys = tag_keys("aws:requesttag", tags)
    if tags or removed:
        keys["aws:tagkeys"] = tuple([key for key, _ in tags.values()] + removed)
    return keys


def _read_tags(value: Any) -> Tags:
    if isinstance(value, dict):
        return {str(key).lower(): (str(key), str(item)) for key, item in value.items()}
    pairs = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            key = item.get("Key") or item.get("TagKey")
            if isinstance(key, str):
                pairs.append({"Key": key, "Value": str(item.get("Value", item.get("TagValue", "")) or "")})
    return as_tags(pairs)
