"""What calls to S3 demand: most of its actions have another name than the operation, and a few need several.

Source: service authorization reference; S3 API reference, "Permissions" of CreateBucket, PutObject and CopyObject.
"""

from collections.abc import Iterator

from integrations.sandbox import reference
from integrations.sandbox.condition_keys import Place, keys_of_call
from integrations.sandbox.condition_keys.request_tags import object_tags, tags_of_request
from integrations.sandbox.demands.demand import Demand
from integrations.sandbox.operations import Operation

_ACTIONS = {
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
_OF_A_VERSION = {
    "GetObject": "GetObjectVersion",
    "HeadObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectAcl": "PutObjectVersionAcl",
    "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
}
_WRITES = {"PutObject", "CopyObject", "CreateMultipartUpload"}
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")


def demands_of_s3(operation: Operation, place: Place) -> Iterator[Demand]:
    """Give every permission that the call needs."""
    params = operation.params
    action = _ACTIONS.get(operation.name, operation.name)
    bucket = params.get("Bucket")
    if not bucket:
        yield _demand(operation, action, None, "*", place)
        return
    bucket_arn = bucket if str(bucket).startswith("arn:") else f"arn:{place.partition}:s3:::{bucket}"
    if operation.name == "DeleteObjects":
        for item in (params.get("Delete") or {}).get("Objects", []):
            versioned = "DeleteObjectVersion" if item.get("VersionId") else action
            yield _demand(operation, versioned, "object", f"{bucket_arn}/{item.get('Key', '')}", place)
        return
    key = params.get("Key")
    if key is None or "object" not in reference.resource_types("s3", action):
        yield _demand(operation, action, "bucket", bucket_arn, place)
        if operation.name == "CreateBucket":
            for more in _of_new_bucket(operation):
                yield _demand(operation, more, "bucket", bucket_arn, place)
        return
    if params.get("VersionId"):
        action = _OF_A_VERSION.get(operation.name, action)
    source = params.get("CopySource")
    if isinstance(source, str):
        name, _, version = source.lstrip("/").partition("?versionId=")
        read = "GetObjectVersion" if version else "GetObject"
        yield _demand(operation, read, "object", f"arn:{place.partition}:s3:::{name}", place)
    yield _demand(operation, action, "object", f"{bucket_arn}/{key}", place)
    if operation.name in _WRITES:
        for more in _of_new_object(operation):
            yield _demand(operation, more, "object", f"{bucket_arn}/{key}", place)


def actions_of_operation(name: str) -> tuple[str, ...]:
    """Give the actions that an operation of S3 may ask for on what it names."""
    return tuple({_ACTIONS.get(name, name), _OF_A_VERSION.get(name, name)})


def _demand(operation: Operation, action: str, kind: str | None, arn: str, place: Place) -> Demand:
    return Demand(f"s3:{action}", arn, keys_of_call(operation, action, kind, arn, place))


def _of_new_bucket(operation: Operation) -> Iterator[str]:
    params = operation.params
    if params.get("ACL", "private") != "private" or any(params.get(name) for name in _GRANTS):
        yield "PutBucketAcl"
    if params.get("ObjectLockEnabledForBucket"):
        yield "PutBucketObjectLockConfiguration"
        yield "PutBucketVersioning"
    if params.get("ObjectOwnership"):
        yield "PutBucketOwnershipControls"
    if tags_of_request(operation):
        yield "TagResource"


def _of_new_object(operation: Operation) -> Iterator[str]:
    params = operation.params
    if params.get("ACL") or any(params.get(name) for name in _GRANTS):
        yield "PutObjectAcl"
    if object_tags(operation):
        yield "PutObjectTagging"
    if params.get("ObjectLockMode") or params.get("ObjectLockRetainUntilDate"):
        yield "PutObjectRetention"
    if params.get("ObjectLockLegalHoldStatus"):
        yield "PutObjectLegalHold"
