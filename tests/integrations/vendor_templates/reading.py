"""Read what a format says back into plain values, to compare the formats with each other and with what was made."""

import json
from typing import Any

import hcl2

from integrations.aws.policies import PolicyDocument
from integrations.aws.vendor_roles import POLICY_NAME, VendorRoles

Roles = dict[str, dict[str, Any]]


def canonical(document: PolicyDocument | None) -> str:
    """A policy document in which the order of fields, of actions and of statements does not show."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in sorted(value.items())}
        if isinstance(value, list):
            return sorted((plain(inner) for inner in value), key=json.dumps)
        return value

    return json.dumps(plain(document))


def wanted_roles(wanted: VendorRoles) -> Roles:
    """What should be there, by role name."""
    return {
        role.name: {
            "path": role.path,
            "description": role.description,
            "trust": canonical(role.trust),
            "permissions": canonical(role.permissions),
            "tags": dict(role.tags),
            "instance_profile": role.instance_profile,
        }
        for role in wanted.roles
    }


def roles_in_account(iam: Any) -> Roles:
    """What an account has, as IAM tells it; fails where a role has other policies than the one."""
    found = {}
    for listed in iam.list_roles()["Roles"]:
        name = listed["RoleName"]
        role = iam.get_role(RoleName=name)["Role"]
        policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
        assert policies in ([], [POLICY_NAME])
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        document = iam.get_role_policy(RoleName=name, PolicyName=POLICY_NAME)["PolicyDocument"] if policies else None
        found[name] = {
            "path": role["Path"],
            "description": role["Description"],
            "trust": canonical(role["AssumeRolePolicyDocument"]),
            "permissions": canonical(document),
            "tags": {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            "instance_profile": bool(iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]),
        }
    return found


def roles_in_template(text: str) -> Roles:
    """What a CloudFormation template says."""
    resources = json.loads(text)["Resources"].values()
    profiles = {
        resource["Properties"]["InstanceProfileName"]
        for resource in resources
        if resource["Type"] == "AWS::IAM::InstanceProfile"
    }
    found = {}
    for resource in resources:
        if resource["Type"] == "AWS::IAM::Role":
            properties = resource["Properties"]
            [policy] = properties.get("Policies", [{"PolicyDocument": None}])
            found[properties["RoleName"]] = {
                "path": properties["Path"],
                "description": properties["Description"],
                "trust": canonical(properties["AssumeRolePolicyDocument"]),
                "permissions": canonical(policy["PolicyDocument"]),
                "tags": {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
                "instance_profile": properties["RoleName"] in profiles,
            }
    return found


def roles_in_terraform(text: str) -> Roles:
    """What a Terraform file says."""
    blocks: dict[str, dict[str, Any]] = {}
    for resource in hcl2.loads(text)["resource"]:
        for kind, labelled in resource.items():
            for label, body in labelled.items():
                blocks.setdefault(_text(kind), {})[_text(label)] = body
    policies = blocks.get("aws_iam_role_policy", {})
    return {
        _text(body["name"]): {
            "path": _text(body["path"]),
            "description": _text(body["description"]),
            "trust": canonical(_document(body["assume_role_policy"])),
            "permissions": canonical(_document(policies[label]["policy"]) if label in policies else None),
            "tags": _plain(body.get("tags", {})),
            "instance_profile": label in blocks.get("aws_iam_instance_profile", {}),
        }
        for label, body in blocks["aws_iam_role"].items()
    }


def _document(expression: str) -> PolicyDocument:
    """The literal in a call of jsonencode."""
    assert expression.startswith("${jsonencode({")
    assert expression.endswith("})}")
    document: PolicyDocument = _plain(hcl2.loads(f"x = {expression[len('${jsonencode(') : -len(')}')]}")["x"])
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return _text(value)


def _text(quoted: str) -> str:
    """A quoted string of HCL as the text it stands for; fails where it is an expression."""
    assert quoted.startswith('"'), quoted
    text: str = json.loads(quoted)
    assert "${" not in text.replace("$${", "")
    return text.replace("$${", "${").replace("%%{", "%{")
