"""The vendor's own roles as Terraform, which OpenTofu reads too: one file of resources with literal policies. Pure."""

import re
from typing import Any

from integrations.aws.vendor_roles import POLICY_NAME, VendorRole, VendorRoles
from integrations.role_templates import hcl

_REQUIREMENTS = """\
terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}
"""


def render(wanted: VendorRoles, *, catalogue_version: str, product_name: str) -> str:
    """The module that makes `wanted` in the vendor's account."""
    settings = wanted.settings
    blocks = [_REQUIREMENTS]
    if wanted.existing_role_name:
        blocks.append(_policy("base", hcl.string(wanted.existing_role_name), wanted.base_policy))
    for role in wanted.roles:
        blocks += _role(wanted, role)
    if wanted.bucket_policy:
        body = hcl.attributes(
            {"bucket": hcl.string(settings.template_bucket), "policy": _document(wanted.bucket_policy)}
        )
        blocks.append(hcl.block("resource", "aws_s3_bucket_policy", "templates", body=body))
    if settings.chain != "direct":
        for name, attribute, description in (
            ("integration_role_arn", "arn", "The one role that customers trust"),
            ("integration_role_id", "unique_id", "Its unique id, which changes when it is made anew"),
        ):
            value = f"aws_iam_role.integration.{attribute}"
            body = hcl.attributes({"description": hcl.string(description), "value": value})
            blocks.append(hcl.block("output", name, body=body))
    heading = (
        f"# Roles of {product_name} in its own AWS account {settings.vendor_account_id}: chain {settings.chain}, "
        f"catalogue {catalogue_version}."
    )
    return re.sub(r"[^ -~]", " ", heading) + "\n\n" + "\n".join(blocks)


def _role(wanted: VendorRoles, role: VendorRole) -> list[str]:
    label = _label(role)
    body = hcl.attributes(
        {
            "name": hcl.string(role.name),
            "path": hcl.string(role.path),
            "description": hcl.string(role.description),
            "assume_role_policy": _document(role.trust),
        }
    )
    if role.tags:
        body += ["", *hcl.attributes({"tags": hcl.value(dict(role.tags), 2)})]
    if before := wanted.named_in_trust(role):
        named = ", ".join(f"aws_iam_role.{_label(other)}" for other in before)
        body += ["", *hcl.attributes({"depends_on": f"[{named}]"})]
    blocks = [hcl.block("resource", "aws_iam_role", label, body=body)]
    if role.permissions is not None:
        blocks.append(_policy(label, f"aws_iam_role.{label}.name", role.permissions))
    if role.instance_profile:
        profile = {
            "name": hcl.string(role.name),
            "path": hcl.string(role.path),
            "role": f"aws_iam_role.{label}.name",
        }
        blocks.append(hcl.block("resource", "aws_iam_instance_profile", label, body=hcl.attributes(profile)))
    return blocks


def _policy(label: str, role: str, document: dict[str, Any]) -> str:
    body = hcl.attributes({"name": hcl.string(POLICY_NAME), "role": role, "policy": _document(document)})
    return hcl.block("resource", "aws_iam_role_policy", label, body=body)


def _document(document: dict[str, Any]) -> str:
    return f"jsonencode({hcl.value(document, 2)})"


def _label(role: VendorRole) -> str:
    return role.name.replace("-", "_")
