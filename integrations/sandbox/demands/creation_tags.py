"""Tags set by the call that makes a resource: most services ask for their tagging action beside the creating one.

Sources: EC2 user guide, "Grant permission to tag Amazon EC2 resources during creation"; Elastic Load Balancing user
guide, "API permissions to tag resources during creation"; IAM user guide, "Tagging IAM resources"; service
authorization reference, dependent actions of RDS, KMS and CloudTrail; API references of CreateLogGroup,
PutMetricAlarm, KMS CreateKey and Organizations CreatePolicy; Lambda developer guide, "Using tags"; for CloudFormation
the managed policy AWSServiceCatalogAppRegistryFullAccess. Auto Scaling documents no such demand, only
`aws:RequestTag` on the creating action.
"""

from collections.abc import Iterator

from integrations.sandbox import reference
from integrations.sandbox.condition_keys import Place, only_offered
from integrations.sandbox.condition_keys.request_tags import keys_of_tags, read_tags, tags_of_request
from integrations.sandbox.demands.demand import Demand
from integrations.sandbox.operations import Operation

_MAKING = ("Create", "Copy", "Restore", "Put", "Upload", "Replicate", "Purchase", "Promote", "Invite")
_IAM = {
    "CreateRole": "TagRole",
    "CreateUser": "TagUser",
    "CreatePolicy": "TagPolicy",
    "CreateInstanceProfile": "TagInstanceProfile",
    "CreateOpenIDConnectProvider": "TagOpenIDConnectProvider",
    "CreateSAMLProvider": "TagSAMLProvider",
    "CreateVirtualMFADevice": "TagMFADevice",
    "UploadServerCertificate": "TagServerCertificate",
}
_TAGGING = {
    "cloudformation": "TagResource",
    "cloudtrail": "AddTags",
    "cloudwatch": "TagResource",
    "elasticloadbalancing": "AddTags",
    "kms": "TagResource",
    "lambda": "TagResource",
    "logs": "TagResource",
    "organizations": "TagResource",
    "rds": "AddTagsToResource",
}
_ALSO_MAKING = {("cloudformation", "UpdateStack")}


def demands_of_creation_tags(operation: Operation, made: list[tuple[str, str]], place: Place) -> Iterator[Demand]:
    """Give what the tags of a creating call demand; `made` holds type and ARN of each resource of the call."""
    if operation.prefix == "ec2":
        yield from _ec2(operation, place)
        return
    making = operation.name.startswith(_MAKING) or (operation.service, operation.name) in _ALSO_MAKING
    action = _IAM.get(operation.name) if operation.prefix == "iam" else _TAGGING.get(operation.prefix)
    tags = tags_of_request(operation)
    if not making or action is None or not tags:
        return
    keys = {**keys_of_tags(operation.prefix, tags), f"{operation.prefix}:createaction": (operation.name,)}
    required = reference.required_types(operation.prefix, operation.name)
    targets = [(kind, arn) for kind, arn in made if kind in required] or made or [("", "*")]
    if operation.prefix == "kms":
        # A key has no ARN before it is made.
        targets = [("key", f"arn:{place.partition}:kms:{place.region}:{place.account}:key/*")]
    for kind, arn in targets:
        yield Demand(
            f"{operation.prefix}:{action}",
            arn,
            only_offered(operation.prefix, action, kind, {**keys, "kms:calleraccount": (place.account,)}),
            otherwise="logs:TagLogGroup" if operation.prefix == "logs" else None,
        )


def _ec2(operation: Operation, place: Place) -> Iterator[Demand]:
    """Give `ec2:CreateTags` for each type that the call's tag specifications name."""
    for specification in operation.params.get("TagSpecifications") or ():
        tags = read_tags((specification or {}).get("Tags"))
        if not tags:
            continue
        types = reference.required_types("ec2", operation.name)
        kind = str(specification.get("ResourceType") or (types[0] if types else "*"))
        keys = {
            **keys_of_tags("ec2", tags),
            "ec2:createaction": (operation.name,),
            "ec2:region": (place.region,),
        }
        yield Demand("ec2:CreateTags", place.ec2_arn(kind, "*"), only_offered("ec2", "CreateTags", kind, keys))
