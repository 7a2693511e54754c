"""Role templates for AWS CloudFormation, as YAML. Pure and deterministic: the same input gives the same bytes."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from integrations.aws.permission_policies import NamedPolicy
from integrations.role_templates.document import RoleDocument

# CreateStack and UpdateStack take a template of this many bytes in the call itself.
MAX_TEMPLATE_BYTES = 51_200


class TemplateTooLong(ValueError):
    """The template is larger than CloudFormation takes; the message holds both figures."""


class _Dumper(yaml.SafeDumper):
    """Writes every list item on a line of its own, indented, and never an alias: people read these files."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  PyYAML's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
        return True


def _quoted_where_needed(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # YAML 1.1 readers take 012345678901 for a number and 2012-10-17 for a date; quotes leave no doubt.
    style = '"' if re.match(r"^[0-9+.-]|^[ynYN]$", value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _quoted_where_needed)


def render(documents: Sequence[RoleDocument], *, catalogue_version: str, product_name: str, account_id: str) -> str:
    """The template that creates `documents` in account `account_id`; TemplateTooLong where it breaks a limit."""
    resources: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for document in documents:
        logical_id = _logical_id(document.component_id)
        resources[f"{logical_id}Role"] = _role(document)
        for number, managed in enumerate(document.managed_policies, start=1):
            resources[f"{logical_id}Policy{number}"] = _managed_policy(document, managed, f"{logical_id}Role")
        outputs[f"{logical_id}RoleArn"] = {
            "Description": f"The role for component {document.component_id}",
            "Value": {"Fn::GetAtt": [f"{logical_id}Role", "Arn"]},
        }
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Read-only roles that let {product_name} analyse this account (catalogue {catalogue_version})",
        "Resources": resources,
        "Outputs": outputs,
    }
    header = _comment(
        f"{product_name}: access to AWS account {account_id}, catalogue version {catalogue_version}.",
        "Each role can be entered by one role of ours only, and only with the external ID below. The external ID,",
        "the trusted role, the role names and the path belong together: change them in the portal, not here.",
    )
    text = header + yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=False)
    if (size := len(text.encode())) > MAX_TEMPLATE_BYTES:
        raise TemplateTooLong(f"The template has {size} bytes; CloudFormation takes {MAX_TEMPLATE_BYTES}.")
    return text


def _role(document: RoleDocument) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "RoleName": document.role_name,
        "Path": document.path,
        "Description": document.description,
        "MaxSessionDuration": document.max_session_seconds,
        "AssumeRolePolicyDocument": document.trust_policy,
    }
    if document.inline_policies:
        properties["Policies"] = [
            {"PolicyName": inline.name, "PolicyDocument": inline.document} for inline in document.inline_policies
        ]
    properties["Tags"] = [{"Key": key, "Value": value} for key, value in document.tags]
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


def _comment(*lines: str) -> str:
    """Comment lines; whatever could end one is taken out."""
    return "".join(f"# {re.sub(r'[^ -~]', ' ', line)}\n" for line in lines)
