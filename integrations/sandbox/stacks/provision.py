"""Making, changing and removing the resources of a stack, by the same calls that a client would make.

Each call is authorised as the stack's caller (or its service role) before it is answered. Sources: the resource type
references of AWS::IAM, AWS::S3 and AWS::Logs.
"""

import json
import re
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from xml.sax.saxutils import unescape

from integrations.sandbox.errors import AwsError
from integrations.sandbox.stacks.template import invalid

Properties = dict[str, Any]


class Api(Protocol):
    """How a provisioner calls AWS; both raise AwsError when the call is refused or fails."""

    partition: str
    region: str
    account: str

    def query(self, service: str, action: str, form: Mapping[str, str]) -> str:
        """Make a query-protocol call and give the answer's XML."""

    def http(self, service: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Make any other call and give the answer's body."""


@dataclass
class Made:
    """A resource that was made: its Ref, and what GetAtt gives."""

    physical: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """How resources of one type are handled. Properties in `replacing` cannot change in place."""

    create: Callable[[Api, str, Properties], Made]
    update: Callable[[Api, Made, Properties, Properties], None]
    delete: Callable[[Api, Made, Properties], None]
    replacing: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def generated_name(stack: str, logical: str, longest: int = 64) -> str:
    """Make a physical name as CloudFormation does: stack, logical id, twelve random characters."""
    ending = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(12))
    return f"{f'{stack}-{logical}'[: longest - 13]}-{ending}"


def _tag(text: str, name: str) -> str:
    found = re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return unescape(found.group(1)) if found else ""


def _document(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _tags(properties: Properties) -> dict[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in properties.get("Tags") or []}


def _tag_form(tags: Mapping[str, str]) -> dict[str, str]:
    form = {}
    for number, (key, value) in enumerate(tags.items(), 1):
        form[f"Tags.member.{number}.Key"] = key
        form[f"Tags.member.{number}.Value"] = value
    return form


def _inline(properties: Properties) -> dict[str, str]:
    return {str(item["PolicyName"]): _document(item["PolicyDocument"]) for item in properties.get("Policies") or []}


def _managed(properties: Properties) -> list[str]:
    return [str(arn) for arn in properties.get("ManagedPolicyArns") or []]


def _create_role(api: Api, name: str, properties: Properties) -> Made:
    form = {
        "RoleName": str(properties.get("RoleName") or name),
        "AssumeRolePolicyDocument": _document(properties["AssumeRolePolicyDocument"]),
        **_tag_form(_tags(properties)),
    }
    for optional in ("Path", "Description", "MaxSessionDuration", "PermissionsBoundary"):
        if properties.get(optional) is not None:
            form[optional] = str(properties[optional])
    answer = api.query("iam", "CreateRole", form)
    made = Made(form["RoleName"], {"Arn": _tag(answer, "Arn"), "RoleId": _tag(answer, "RoleId")})
    try:
        for arn in _managed(properties):
            api.query("iam", "AttachRolePolicy", {"RoleName": made.physical, "PolicyArn": arn})
        for policy, document in _inline(properties).items():
            api.query(
                "iam",
                "PutRolePolicy",
                {"RoleName": made.physical, "PolicyName": policy, "PolicyDocument": document},
            )
    except AwsError:
        _delete_role(api, made, properties)
        raise
    return made


def _update_role(api: Api, made: Made, old: Properties, new: Properties) -> None:
    role = {"RoleName": made.physical}
    if old.get("AssumeRolePolicyDocument") != new.get("AssumeRolePolicyDocument"):
        document = _document(new["AssumeRolePolicyDocument"])
        api.query("iam", "UpdateAssumeRolePolicy", {**role, "PolicyDocument": document})
    if any(old.get(name) != new.get(name) for name in ("Description", "MaxSessionDuration")):
        form = {"Description": str(new.get("Description") or "")}
        form["MaxSessionDuration"] = str(new.get("MaxSessionDuration") or 3600)
        api.query("iam", "UpdateRole", {**role, **form})
    if old.get("PermissionsBoundary") != new.get("PermissionsBoundary"):
        if new.get("PermissionsBoundary"):
            boundary = {"PermissionsBoundary": str(new["PermissionsBoundary"])}
            api.query("iam", "PutRolePermissionsBoundary", {**role, **boundary})
        else:
            api.query("iam", "DeleteRolePermissionsBoundary", role)
    for arn in _managed(new):
        if arn not in _managed(old):
            api.query("iam", "AttachRolePolicy", {**role, "PolicyArn": arn})
    for arn in _managed(old):
        if arn not in _managed(new):
            _quietly(api.query, "iam", "DetachRolePolicy", {**role, "PolicyArn": arn})
    for policy, document in _inline(new).items():
        if _inline(old).get(policy) != document:
            api.query("iam", "PutRolePolicy", {**role, "PolicyName": policy, "PolicyDocument": document})
    for policy in _inline(old):
        if policy not in _inline(new):
            _quietly(api.query, "iam", "DeleteRolePolicy", {**role, "PolicyName": policy})
    _update_tags(api, "Role", role, old, new)


def _update_tags(api: Api, kind: str, name: Mapping[str, str], old: Properties, new: Properties) -> None:
    before, after = _tags(old), _tags(new)
    gone = [key for key in before if key not in after]
    if gone:
        keys = {f"TagKeys.member.{number}": key for number, key in enumerate(gone, 1)}
        api.query("iam", f"Untag{kind}", {**name, **keys})
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    if changed:
        api.query("iam", f"Tag{kind}", {**name, **_tag_form(changed)})


def _delete_role(api: Api, made: Made, properties: Properties) -> None:
    role = {"RoleName": made.physical}
    for arn in _managed(properties):
        _quietly(api.query, "iam", "DetachRolePolicy", {**role, "PolicyArn": arn})
    for policy in _inline(properties):
        _quietly(api.query, "iam", "DeleteRolePolicy", {**role, "PolicyName": policy})
    _quietly(api.query, "iam", "DeleteRole", role)


def _quietly(call: Callable[..., Any], *arguments: Any) -> None:
    """Make a removing call; what is already gone is well."""
    try:
        call(*arguments)
    except AwsError as error:
        if error.code not in {"NoSuchEntity", "NoSuchBucket", "ResourceNotFoundException"}:
            raise


def _create_managed_policy(api: Api, name: str, properties: Properties) -> Made:
    form = {
        "PolicyName": str(properties.get("ManagedPolicyName") or name),
        "PolicyDocument": _document(properties["PolicyDocument"]),
    }
    for optional in ("Path", "Description"):
        if properties.get(optional) is not None:
            form[optional] = str(properties[optional])
    arn = _tag(api.query("iam", "CreatePolicy", form), "Arn")
    made = Made(arn, {"PolicyArn": arn})
    try:
        _attach_holders(api, "Attach", arn, properties)
    except AwsError:
        _delete_managed_policy(api, made, properties)
        raise
    return made


def _attach_holders(api: Api, verb: str, arn: str, properties: Properties) -> None:
    for kind in ("Role", "User", "Group"):
        for holder in properties.get(f"{kind}s") or []:
            api.query("iam", f"{verb}{kind}Policy", {f"{kind}Name": str(holder), "PolicyArn": arn})


def _update_managed_policy(api: Api, made: Made, old: Properties, new: Properties) -> None:
    if old.get("PolicyDocument") != new.get("PolicyDocument"):
        listed = api.query("iam", "ListPolicyVersions", {"PolicyArn": made.physical})
        versions = re.findall(r"<VersionId>(v\d+)</VersionId>", listed)
        if len(versions) >= 5:
            oldest = min(versions[:], key=lambda version: int(version[1:]))
            api.query("iam", "DeletePolicyVersion", {"PolicyArn": made.physical, "VersionId": oldest})
        document = _document(new["PolicyDocument"])
        form = {"PolicyArn": made.physical, "PolicyDocument": document, "SetAsDefault": "true"}
        api.query("iam", "CreatePolicyVersion", form)
    for kind in ("Role", "User", "Group"):
        before, after = set(old.get(f"{kind}s") or []), set(new.get(f"{kind}s") or [])
        for holder in sorted(after - before):
            api.query("iam", f"Attach{kind}Policy", {f"{kind}Name": holder, "PolicyArn": made.physical})
        for holder in sorted(before - after):
            form = {f"{kind}Name": holder, "PolicyArn": made.physical}
            _quietly(api.query, "iam", f"Detach{kind}Policy", form)


def _delete_managed_policy(api: Api, made: Made, properties: Properties) -> None:
    for kind in ("Role", "User", "Group"):
        for holder in properties.get(f"{kind}s") or []:
            form = {f"{kind}Name": str(holder), "PolicyArn": made.physical}
            _quietly(api.query, "iam", f"Detach{kind}Policy", form)
    listed = api.query("iam", "ListPolicyVersions", {"PolicyArn": made.physical})
    for block in re.findall(r"<member>(.*?)</member>", listed, re.DOTALL):
        if _tag(block, "IsDefaultVersion") != "true":
            form = {"PolicyArn": made.physical, "VersionId": _tag(block, "VersionId")}
            _quietly(api.query, "iam", "DeletePolicyVersion", form)
    _quietly(api.query, "iam", "DeletePolicy", {"PolicyArn": made.physical})


def _create_inline_policy(api: Api, name: str, properties: Properties) -> Made:
    _put_inline(api, properties)
    return Made(str(properties.get("PolicyName") or name))


def _put_inline(api: Api, properties: Properties) -> None:
    holders = [(kind, str(name)) for kind in ("Role", "User", "Group") for name in _holders(properties, kind)]
    if not holders:
        raise invalid("At least one of [Groups,Roles,Users] must be non-empty.")
    for kind, holder in holders:
        form = {f"{kind}Name": holder, "PolicyName": str(properties["PolicyName"])}
        api.query("iam", f"Put{kind}Policy", {**form, "PolicyDocument": _document(properties["PolicyDocument"])})


def _holders(properties: Properties, kind: str) -> list[str]:
    single = properties.get(f"{kind}Name")
    return [single] if single else list(properties.get(f"{kind}s") or [])


def _update_inline_policy(api: Api, _made: Made, old: Properties, new: Properties) -> None:
    _put_inline(api, new)
    for kind in ("Role", "User", "Group"):
        for holder in set(_holders(old, kind)) - set(_holders(new, kind)):
            form = {f"{kind}Name": holder, "PolicyName": str(old["PolicyName"])}
            _quietly(api.query, "iam", f"Delete{kind}Policy", form)


def _delete_inline_policy(api: Api, _made: Made, properties: Properties) -> None:
    for kind in ("Role", "User", "Group"):
        for holder in _holders(properties, kind):
            form = {f"{kind}Name": holder, "PolicyName": str(properties["PolicyName"])}
            _quietly(api.query, "iam", f"Delete{kind}Policy", form)


def _create_instance_profile(api: Api, name: str, properties: Properties) -> Made:
    form = {"InstanceProfileName": str(properties.get("InstanceProfileName") or name)}
    if properties.get("Path"):
        form["Path"] = str(properties["Path"])
    answer = api.query("iam", "CreateInstanceProfile", form)
    for role in properties.get("Roles") or []:
        profile = {"InstanceProfileName": form["InstanceProfileName"], "RoleName": str(role)}
        api.query("iam", "AddRoleToInstanceProfile", profile)
    return Made(form["InstanceProfileName"], {"Arn": _tag(answer, "Arn")})


def _update_instance_profile(api: Api, made: Made, old: Properties, new: Properties) -> None:
    profile = {"InstanceProfileName": made.physical}
    for role in old.get("Roles") or []:
        form = {**profile, "RoleName": str(role)}
        _quietly(api.query, "iam", "RemoveRoleFromInstanceProfile", form)
    for role in new.get("Roles") or []:
        api.query("iam", "AddRoleToInstanceProfile", {**profile, "RoleName": str(role)})


def _delete_instance_profile(api: Api, made: Made, properties: Properties) -> None:
    _update_instance_profile(api, made, properties, {})
    _quietly(api.query, "iam", "DeleteInstanceProfile", {"InstanceProfileName": made.physical})


def _create_bucket(api: Api, name: str, properties: Properties) -> Made:
    bucket = str(properties.get("BucketName") or name.lower())
    body = b""
    if api.region != "us-east-1":
        body = (
            '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<LocationConstraint>{api.region}</LocationConstraint></CreateBucketConfiguration>"
        ).encode()
    api.http("s3", "PUT", f"/{bucket}", {}, body)
    return Made(bucket, {"Arn": f"arn:{api.partition}:s3:::{bucket}", "DomainName": f"{bucket}.s3.amazonaws.com"})


def _delete_bucket(api: Api, made: Made, _properties: Properties) -> None:
    _quietly(api.http, "s3", "DELETE", f"/{made.physical}", {}, b"")


def _create_bucket_policy(api: Api, name: str, properties: Properties) -> Made:
    _put_bucket_policy(api, properties)
    return Made(name)


def _put_bucket_policy(api: Api, properties: Properties) -> None:
    document = _document(properties["PolicyDocument"]).encode()
    api.http("s3", "PUT", f"/{properties['Bucket']}?policy", {}, document)


def _delete_bucket_policy(api: Api, _made: Made, properties: Properties) -> None:
    _quietly(api.http, "s3", "DELETE", f"/{properties['Bucket']}?policy", {}, b"")


def _logs(api: Api, operation: str, value: Mapping[str, Any]) -> None:
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"Logs_20140328.{operation}"}
    api.http("logs", "POST", "/", headers, json.dumps(value).encode())


def _create_log_group(api: Api, name: str, properties: Properties) -> Made:
    group = str(properties.get("LogGroupName") or name)
    _logs(api, "CreateLogGroup", {"logGroupName": group, "tags": _tags(properties)})
    made = Made(group, {"Arn": f"arn:{api.partition}:logs:{api.region}:{api.account}:log-group:{group}:*"})
    _update_log_group(api, made, {}, properties)
    return made


def _update_log_group(api: Api, made: Made, old: Properties, new: Properties) -> None:
    if new.get("RetentionInDays") != old.get("RetentionInDays") and new.get("RetentionInDays"):
        value = {"logGroupName": made.physical, "retentionInDays": int(new["RetentionInDays"])}
        _logs(api, "PutRetentionPolicy", value)


def _delete_log_group(api: Api, made: Made, _properties: Properties) -> None:
    _quietly(_logs, api, "DeleteLogGroup", {"logGroupName": made.physical})


def _nothing(_api: Api, _made: Made, _properties: Properties) -> None:
    """A resource that stands for nothing has nothing to remove."""


def _unchanged(_api: Api, _made: Made, _old: Properties, _new: Properties) -> None:
    """No property of the type changes anything in the sandbox."""


_INLINE = Kind(
    _create_inline_policy, _update_inline_policy, _delete_inline_policy, ("PolicyName",),
    ("PolicyName", "PolicyDocument"),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {
    "AWS::IAM::Role": Kind(
        _create_role, _update_role, _delete_role, ("RoleName", "Path"), ("AssumeRolePolicyDocument",)
    ),
    "AWS::IAM::ManagedPolicy": Kind(
        _create_managed_policy,
        _update_managed_policy,
        _delete_managed_policy,
        ("ManagedPolicyName", "Path", "Description"),
        ("PolicyDocument",),
    ),
    "AWS::IAM::Policy": _INLINE,
    "AWS::IAM::RolePolicy": _INLINE,
    "AWS::IAM::InstanceProfile": Kind(
        _create_instance_profile,
        _update_instance_profile,
        _delete_instance_profile,
        ("InstanceProfileName", "Path"),
        ("Roles",),
    ),
    "AWS::S3::Bucket": Kind(_create_bucket, _unchanged, _delete_bucket, ("BucketName",)),
    "AWS::S3::BucketPolicy": Kind(
        _create_bucket_policy,
        lambda api, _made, _old, new: _put_bucket_policy(api, new),
        _delete_bucket_policy,
        ("Bucket",),
        ("Bucket", "PolicyDocument"),
    ),
    "AWS::Logs::LogGroup": Kind(_create_log_group, _update_log_group, _delete_log_group, ("LogGroupName",)),
    "AWS::CloudFormation::WaitConditionHandle": Kind(lambda _api, name, _properties: Made(name), _unchanged, _nothing),
}
