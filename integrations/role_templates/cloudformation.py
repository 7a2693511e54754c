"""Role templates for AWS CloudFormation, as YAML and JSON. Pure and deterministic: same input, same bytes."""

import json
import re
from typing import Any

from integrations.aws.permission_policies import NamedPolicy
from integrations.aws.words import InWords, gettext_noop
from integrations.role_templates import yaml_text
from integrations.role_templates.document import RoleDocument, RoleSet
from integrations.role_templates.options import LONGEST_SESSION, SHORTEST_SESSION

# What CreateStack and UpdateStack take in the call itself, and by way of S3 (CloudFormation user guide, "Quotas").
MAX_BODY_BYTES = 51_200
MAX_TEMPLATE_BYTES = 1_048_576

_BOUNDARY = "PermissionsBoundaryArn"
_HAS_BOUNDARY = "HasPermissionsBoundary"
_SESSION = "MaxSessionSeconds"


class TemplateTooLong(InWords):
    """The template is larger than CloudFormation takes; the message holds both figures."""


def render_yaml(roles: RoleSet) -> str:
    """The template that creates `roles`, as YAML; TemplateTooLong where it breaks a limit."""
    header = "".join(f"# {_in_a_comment(line)}\n" for line in roles.heading)
    return _fitting(header + yaml_text.dump(_template(roles)))


def render_json(roles: RoleSet) -> str:
    """The same template as JSON, which has no comments; TemplateTooLong where it breaks a limit."""
    return _fitting(json.dumps(_template(roles), indent=2) + "\n")


def fits_in_a_call(text: str) -> bool:
    """Whether CloudFormation takes the template in the call itself; a larger one goes by way of S3."""
    return len(text.encode()) <= MAX_BODY_BYTES


def _fitting(text: str) -> str:
    if (size := len(text.encode())) > MAX_TEMPLATE_BYTES:
        raise TemplateTooLong(
            gettext_noop(
                "The template has %(size)s bytes; CloudFormation takes %(most)s. Use the Terraform files, or "
                "choose fewer components for this connection."
            ),
            size=size,
            most=MAX_TEMPLATE_BYTES,
        )
    return text


def _template(roles: RoleSet) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for document in roles.documents:
        logical_id = _logical_id(document.component_id)
        resources[f"{logical_id}Role"] = _role(document)
        for number, managed in enumerate(document.managed_policies, start=1):
            resources[f"{logical_id}Policy{number}"] = _managed_policy(document, managed, f"{logical_id}Role")
        outputs[f"{logical_id}RoleArn"] = {
            "Description": f"The role for component {document.component_id}",
            "Value": {"Fn::GetAtt": [f"{logical_id}Role", "Arn"]},
        }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": (
            f"Read-only roles that let {roles.product_name} analyse this account (catalogue {roles.catalogue_version})"
        ),
        "Metadata": {
            "Rolebridge": {
                "Account": roles.account_id,
                "CatalogueVersion": roles.catalogue_version,
                "RolesSHA256": roles.sha256,
            }
        },
        "Parameters": _parameters(roles),
        "Conditions": {_HAS_BOUNDARY: {"Fn::Not": [{"Fn::Equals": [{"Ref": _BOUNDARY}, ""]}]}},
        "Resources": resources,
        "Outputs": outputs,
    }


def _parameters(roles: RoleSet) -> dict[str, Any]:
    """What may be changed as the stack is made, with the choices made in the portal as defaults."""
    parameters: dict[str, Any] = {
        _BOUNDARY: {
            "Type": "String",
            "Default": roles.options.boundary_arn,
            "Description": "ARN of the permissions boundary of the roles; empty for none",
        },
        _SESSION: {
            "Type": "Number",
            "Default": roles.options.max_session_seconds,
            "MinValue": SHORTEST_SESSION,
            "MaxValue": LONGEST_SESSION,
            "Description": "How long a session in a role may last, in seconds; an hour is enough",
        },
    }
    for number, (key, value) in enumerate(roles.options.tags, start=1):
        parameters[_tag_parameter(number)] = {
            "Type": "String",
            "Default": value,
            "MaxLength": 256,
            "Description": f"Value of the tag {key}",
        }
    return parameters


def _tag_parameter(number: int) -> str:
    return f"Tag{number}Value"


def _role(document: RoleDocument) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "RoleName": document.role_name,
        "Path": document.path,
        "Description": document.description,
        "MaxSessionDuration": {"Ref": _SESSION},
        "PermissionsBoundary": {"Fn::If": [_HAS_BOUNDARY, {"Ref": _BOUNDARY}, {"Ref": "AWS::NoValue"}]},
        "AssumeRolePolicyDocument": document.trust_policy,
    }
    if document.inline_policies:
        properties["Policies"] = [
            {"PolicyName": inline.name, "PolicyDocument": inline.document} for inline in document.inline_policies
        ]
    properties["Tags"] = [{"Key": key, "Value": value} for key, value in document.tags] + [
        {"Key": key, "Value": {"Ref": _tag_parameter(number)}}
        for number, (key, _) in enumerate(document.extra_tags, start=1)
    ]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _managed_policy(document: RoleDocument, managed: NamedPolicy, role_id: str) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "ManagedPolicyName": managed.name,
            "Path": document.path,
            "PolicyDocument": managed.document,
            "Roles": [{"Ref": role_id}],
        },
    }


def _logical_id(component_id: str) -> str:
    return "".join(word.capitalize() for word in component_id.split("-"))


def _in_a_comment(line: str) -> str:
    """The line without whatever could end a comment."""
    return re.sub(r"[^ -~]", " ", line)
