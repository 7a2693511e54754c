"""The vendor's own roles for the AWS command line: one bash script that creates, updates and deletes. Pure.

The script is data (quoted literals, rendered here) and a fixed program (`cli.sh`), in which nothing is interpolated.
"""

import json
import re
import shlex
from functools import cache
from importlib.resources import files
from typing import Any

from integrations.aws.vendor_roles import POLICY_NAME, VendorRoles


def render(wanted: VendorRoles, *, catalogue_version: str, product_name: str) -> str:
    """The script, for bash 3.2 or newer and either version of the AWS command line."""
    settings = wanted.settings
    heading = (
        f"Roles of {product_name} in its own AWS account {settings.vendor_account_id}: chain {settings.chain}, "
        f"catalogue {catalogue_version}."
    )
    lines = [
        "#!/usr/bin/env bash",
        f"# {re.sub(r'[^ -~]', ' ', heading)}",
        "#",
        "# bash FILE apply     makes what is missing and brings what is there to what stands below; safe to repeat",
        "# bash FILE delete    removes the roles below",
        "set -euo pipefail",
        "",
        f"ACCOUNT_ID={shlex.quote(settings.vendor_account_id)}",
        f"POLICY_NAME={shlex.quote(POLICY_NAME)}",
        f"COMPONENT_PATH={shlex.quote(settings.component_role_path)}",
        f"EXISTING_ROLE={shlex.quote(wanted.existing_role_name)}",
        f"EXISTING_ROLE_POLICY={shlex.quote(_json(wanted.base_policy) if wanted.existing_role_name else '')}",
        f"TEMPLATE_BUCKET={shlex.quote(settings.template_bucket if wanted.bucket_policy else '')}",
        f"TEMPLATE_BUCKET_POLICY={shlex.quote(_json(wanted.bucket_policy) if wanted.bucket_policy else '')}",
        "",
        "# Calls `$1` with each role: name, path, description, trust policy, tags, policy, instance profile.",
        "# shellcheck disable=SC2016  # ${aws:...} is a variable of IAM's, not of this shell's",
        "each_role() {",
    ]
    for role in wanted.roles:
        arguments = [
            role.name,
            role.path,
            role.description,
            _json(role.trust),
            _json([{"Key": key, "Value": value} for key, value in role.tags.items()]),
            _json(role.permissions) if role.permissions is not None else "",
            role.name if role.instance_profile else "",
        ]
        lines.append(" \\\n    ".join(['  "$1"', *map(shlex.quote, arguments)]))
    lines += ["}", ""]
    return "\n".join(lines) + _program()


def _json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


@cache
def _program() -> str:
    return (files(__package__) / "cli.sh").read_text(encoding="utf-8")
