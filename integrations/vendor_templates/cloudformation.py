"""The vendor's own roles for AWS CloudFormation, as JSON. Pure: the same input gives the same bytes."""

import json
from typing import Any

from integrations.aws.vendor_roles import POLICY_NAME, VendorRole, VendorRoles

MAX_TEMPLATE_BYTES = 1024 * 1024  # from a bucket; in the call itself CloudFormation takes 51,200
MAX_RESOURCES = 500


class TooManyRoles(ValueError):
    """One stack cannot hold the roles; the message holds the figures."""


def render(wanted: VendorRoles, *, catalogue_version: str, product_name: str) -> str:
    """The template that makes `wanted` in the vendor's account; TooManyRoles where it breaks a limit."""
    resources: dict[str, Any] = {}
    if wanted.existing_role_name:
        resources["BasePolicy"] = {
            "Type": "AWS::IAM::RolePolicy",
            "Properties": {
                "RoleName": wanted.existing_role_name,
                "PolicyName": POLICY_NAME,
                "PolicyDocument": wanted.base_policy,
            },
        }
    for role in wanted.roles:
        logical_id = _logical_id(role.name)
        resources[logical_id] = _role(role, [_logical_id(other.name) for other in wanted.named_in_trust(role)])
        if role.instance_profile:
            resources[f"{logical_id}InstanceProfile"] = {
                "Type": "AWS::IAM::InstanceProfile",
                "Properties": {
                    "InstanceProfileName": role.name,
                    "Path": role.path,
                    "Roles": [{"Ref": logical_id}],
                },
            }
    if wanted.bucket_policy:
        resources["TemplateBucketPolicy"] = {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": wanted.settings.template_bucket, "PolicyDocument": wanted.bucket_policy},
        }
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Roles of {product_name} in its own AWS account {wanted.settings.vendor_account_id} "
        f"(chain {wanted.settings.chain}, catalogue {catalogue_version})",
        "Resources": resources,
    }
    if wanted.settings.chain != "direct":
        template["Outputs"] = {
            "IntegrationRoleArn": {
                "Description": "The one role that customers trust",
                "Value": {"Fn::GetAtt": ["IntegrationRole", "Arn"]},
            },
            "IntegrationRoleId": {
                "Description": "Its unique id, which changes when it is made anew",
                "Value": {"Fn::GetAtt": ["IntegrationRole", "RoleId"]},
            },
        }
    text = json.dumps(template, indent=2) + "\n"
    if len(resources) > MAX_RESOURCES or len(text) > MAX_TEMPLATE_BYTES:
        raise TooManyRoles(
            f"The template has {len(resources)} resources and {len(text)} bytes; CloudFormation takes {MAX_RESOURCES} "
            f"and {MAX_TEMPLATE_BYTES}. Use the format terraform or cli."
        )
    return text


def _role(role: VendorRole, depends_on: list[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "RoleName": role.name,
        "Path": role.path,
        "Description": role.description,
        "AssumeRolePolicyDocument": role.trust,
    }
    if role.permissions is not None:
        properties["Policies"] = [{"PolicyName": POLICY_NAME, "PolicyDocument": role.permissions}]
    if role.tags:
        properties["Tags"] = [{"Key": key, "Value": value} for key, value in role.tags.items()]
    resource: dict[str, Any] = {"Type": "AWS::IAM::Role"}
    if depends_on:
        resource["DependsOn"] = depends_on
    return {**resource, "Properties": properties}


def _logical_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-")) + "Role"
