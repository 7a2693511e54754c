"""Templates: reading JSON and YAML, and checking what CloudFormation checks before it starts.

Source: CloudFormation user guide, "Template anatomy" and "Acknowledging IAM resources in templates".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from integrations.sandbox.errors import AwsError

LARGEST_BODY = 51_200
_SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions",
    "Transform", "Resources", "Outputs",
}  # fmt: skip
_NAME_PROPERTIES = ("RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName")


@dataclass(frozen=True)
class Template:
    """A template with its text."""

    text: str
    description: str
    parameters: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]

    def capabilities(self) -> list[str]:
        """Give the capabilities that the caller has to acknowledge."""
        iam = [item for item in self.resources.values() if str(item["Type"]).startswith("AWS::IAM::")]
        if any(name in (item.get("Properties") or {}) for item in iam for name in _NAME_PROPERTIES):
            return ["CAPABILITY_NAMED_IAM"]
        return ["CAPABILITY_IAM"] if iam else []


def invalid(message: str) -> AwsError:
    """A ValidationError, as CloudFormation answers most mistakes."""
    return AwsError("ValidationError", message, 400)


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms of functions, and dates left as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise yaml.YAMLError("unknown node")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def read_template(text: str) -> Template:
    """Read a template. Raises AwsError ValidationError with CloudFormation's text."""
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        kind = "JSON" if text.lstrip().startswith("{") else "YAML"
        raise invalid(f"Template format error: {kind} not well-formed.") from error
    if not isinstance(document, dict):
        raise invalid("Template format error: unsupported structure.")
    unknown = sorted(str(name) for name in set(document) - _SECTIONS)
    if unknown:
        raise invalid(f"Invalid template property or properties [{', '.join(unknown)}]")
    if "Transform" in document:
        raise AwsError("NotInTheSandbox", "Transforms and macros are not in the sandbox.", 400)
    resources = document.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise invalid("Template format error: At least one Resources member must be defined.")
    for name, item in resources.items():
        if not isinstance(item, dict) or not isinstance(item.get("Type"), str):
            raise invalid(
                f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
            )
    for section in ("Parameters", "Mappings", "Conditions", "Outputs"):
        if not isinstance(document.get(section, {}), dict):
            raise invalid(f"Template format error: {section} must be an object.")
    template = Template(
        text=text,
        description=str(document.get("Description", "")),
        parameters=document.get("Parameters", {}),
        mappings=document.get("Mappings", {}),
        conditions=document.get("Conditions", {}),
        resources=resources,
        outputs=document.get("Outputs", {}),
    )
    _check_references(template)
    return template


PSEUDO = {
    "AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId",
    "AWS::StackName", "AWS::URLSuffix",
}  # fmt: skip


def _check_references(template: Template) -> None:
    known = set(template.parameters) | set(template.resources) | PSEUDO
    for section in (template.resources, template.outputs):
        for name in references(section):
            if name not in known:
                where = "Resources" if section is template.resources else "Outputs"
                raise invalid(
                    f"Template format error: Unresolved resource dependencies [{name}] in the {where} block of the "
                    "template"
                )


def references(value: Any) -> set[str]:
    """Give every name that `Ref`, `Fn::GetAtt` or `Fn::Sub` mentions."""
    found: set[str] = set()
    if isinstance(value, list):
        for item in value:
            found |= references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                found.add(item)
            elif key == "Fn::GetAtt" and item:
                found.add(str(item[0] if isinstance(item, list) else str(item).split(".", maxsplit=1)[0]))
            elif key == "Fn::Sub":
                text, local = (item[0], item[1]) if isinstance(item, list) else (item, {})
                found |= {name.split(".", 1)[0] for name in sub_names(str(text)) if name not in local}
                found |= references(local)
            else:
                found |= references(item)
    return found


def sub_names(text: str) -> list[str]:
    """Give the names in `${…}` of a Fn::Sub text; `${!x}` is literal."""
    names = []
    for piece in text.split("${")[1:]:
        name = piece.split("}", 1)[0]
        if not name.startswith("!"):
            names.append(name.strip())
    return names
