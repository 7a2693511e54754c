"""What botocore's service models know: which IAM actions exist, and which calls with which parameters.

Most IAM actions are called like the operation they authorise, and most IAM prefixes like the service's signing name.
The exceptions that a read-only product meets are listed below, each read in AWS's service authorisation reference.
The tests compare this with cfn-lint's copy of the real list.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

# IAM prefix → botocore services, where the two are not called the same.
_SERVICES_OF_PREFIX = {
    "elasticfilesystem": ("efs",),
    "elasticloadbalancing": ("elb", "elbv2"),
    "elasticmapreduce": ("emr",),
    "es": ("es", "opensearch"),
    "s3": ("s3", "s3control"),
    "states": ("stepfunctions",),
    "tag": ("resourcegroupstaggingapi",),
    "kinesisanalytics": ("kinesisanalytics", "kinesisanalyticsv2"),
    "ses": ("ses", "sesv2"),
    "aoss": ("opensearchserverless",),
    "airflow": ("mwaa",),
    "mobiletargeting": ("pinpoint",),
    "servicequotas": ("service-quotas",),
}

# Actions with a name of their own; S3 named its actions before its operations.
_ACTIONS_WITHOUT_OPERATION = {
    "s3": frozenset(
        {
            "GetAccelerateConfiguration",
            "GetAccountPublicAccessBlock",
            "GetAnalyticsConfiguration",
            "GetBucketCORS",
            "GetBucketObjectLockConfiguration",
            "GetBucketPublicAccessBlock",
            "GetEncryptionConfiguration",
            "GetIntelligentTieringConfiguration",
            "GetInventoryConfiguration",
            "GetLifecycleConfiguration",
            "GetMetricsConfiguration",
            "GetObjectVersion",
            "GetReplicationConfiguration",
            "ListAllMyBuckets",
            "ListBucket",
            "ListBucketMultipartUploads",
            "ListBucketVersions",
            "ListMultipartUploadParts",
        }
    ),
    "sts": frozenset({"SetSourceIdentity", "TagSession"}),
}
# Operations that are not IAM actions: another action authorises them.
_OPERATIONS_WITHOUT_ACTION = {
    "s3": frozenset(
        {
            "GetBucketLifecycle",
            "GetBucketLifecycleConfiguration",
            "GetBucketEncryption",
            "GetPublicAccessBlock",
            "HeadBucket",
            "HeadObject",
            "ListBuckets",
            "ListObjects",
            "ListObjectsV2",
        }
    ),
}


class UnknownIamAction(ValueError):
    """The text is no IAM action that botocore's models know; the message says which part is unknown."""


class InvalidCall(ValueError):
    """The service, its operation or the parameters are not what botocore's model asks for."""


def check_iam_action(action: str) -> None:
    """Raise UnknownIamAction unless `action`, as `service:Operation`, is spelt like an action that exists."""
    prefix, _, name = action.partition(":")
    known = _actions_of(prefix)
    if known is None:
        raise UnknownIamAction(f"no AWS service has the IAM prefix '{prefix}' (action '{action}')")
    if name not in known:
        same_letters = next((candidate for candidate in known if candidate.lower() == name.lower()), None)
        hint = f"; did you mean '{prefix}:{same_letters}'?" if same_letters else ""
        raise UnknownIamAction(f"the service '{prefix}' has no action '{name}'{hint}")


def check_call(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidCall unless boto3 could make this call; `operation` in boto3's snake_case."""
    try:
        model = ServiceModel(_model(service), service)
    except UnknownServiceError:
        raise InvalidCall(f"boto3 has no service '{service}'") from None
    name = next((candidate for candidate in model.operation_names if xform_name(candidate) == operation), None)
    if name is None:
        raise InvalidCall(f"boto3's '{service}' has no operation '{operation}'")
    shape = model.operation_model(name).input_shape
    if shape is None:
        if parameters:
            raise InvalidCall(f"'{operation}' takes no parameters")
        return
    report = ParamValidator().validate(dict(parameters), shape)
    if report.has_errors():
        raise InvalidCall(f"'{operation}' would be refused by boto3: {report.generate_report()}")


# Two at a time: a catalogue is read service by service, and the larger models take tens of megabytes.
@lru_cache(maxsize=2)
def _model(service: str) -> Mapping[str, Any]:
    model: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    return model


@lru_cache(maxsize=64)
def _actions_of(prefix: str) -> frozenset[str] | None:
    services = _SERVICES_OF_PREFIX.get(prefix, (prefix,))
    actions: set[str] = set(_ACTIONS_WITHOUT_OPERATION.get(prefix, ()))
    for service in services:
        try:
            model = _model(service)
        except UnknownServiceError:
            continue
        actions |= set(model["operations"])
    actions -= _OPERATIONS_WITHOUT_ACTION.get(prefix, frozenset())
    return frozenset(actions) if actions else None
