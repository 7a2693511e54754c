"""Role templates for the AWS command line: one bash script that creates, updates and deletes. Pure and deterministic.

The script is data (quoted literals, rendered here) and a fixed program (`cli.sh`), in which nothing is interpolated.
"""

import json
import re
import shlex
from functools import cache
from importlib.resources import files
from typing import Any

from integrations.aws.permission_policies import NamedPolicy
from integrations.role_templates.document import RoleDocument, RoleSet


def render(roles: RoleSet) -> str:
    """The script, for bash 3.2 or newer and version 2 of the AWS command line (version 1 does as well)."""
    options = roles.options
    lines = [
        "#!/usr/bin/env bash",
        *(f"# {re.sub(r'[^ -~]', ' ', line)}" for line in roles.heading),
        "#",
        f"# bash {roles.name}.sh create    makes what is missing, and brings what is there to what stands below",
        f"# bash {roles.name}.sh update    the same for roles that are there; makes no role",
        f"# bash {roles.name}.sh delete    removes exactly what it made",
        "#",
        "# PERMISSIONS_BOUNDARY and MAX_SESSION_SECONDS in the environment take the place of the values below.",
        "set -euo pipefail",
        "",
        f"ACCOUNT_ID={shlex.quote(roles.account_id)}",
        f"PARTITION={shlex.quote(roles.partition)}",
        f"CHOSEN_BOUNDARY={shlex.quote(options.boundary_arn)}",
        f"CHOSEN_SESSION={options.max_session_seconds}",
        "# Chosen once and no more, one a line: an update takes these off the roles, and nothing of others.",
        f"DROPPED_TAGS={_lines(roles.dropped_tag_keys)}",
        f"DROPPED_BOUNDARIES={_lines(roles.dropped_boundary_arns)}",
        "",
        "# Calls `$1` with each role: name, path, description, trust policy, tags, inline policy, managed policies.",
        "each_role() {",
    ]
    for document in roles.documents:
        arguments = " \\\n    ".join(['  "$1"', *map(shlex.quote, _arguments(document))])
        lines.append(arguments)
    lines += ["}", ""]
    return "\n".join(lines) + _program()


def _lines(texts: tuple[str, ...]) -> str:
    return shlex.quote("\n".join(texts))


def _arguments(document: RoleDocument) -> list[str]:
    """What the program takes for one role. A policy that is not there is an empty text."""
    inline = document.inline_policies[0] if document.inline_policies else NamedPolicy("", {})
    tags = [{"Key": key, "Value": value} for key, value in (*document.tags, *document.extra_tags)]
    return [
        document.role_name,
        document.path,
        document.description,
        _json(document.trust_policy),
        _json(tags),
        inline.name,
        _json(inline.document) if inline.name else "",
        *(part for managed in document.managed_policies for part in (managed.name, _json(managed.document))),
    ]


def _json(document: Any) -> str:
    """As the AWS command line prints JSON, so that what is there can be compared with what should be."""
    return json.dumps(document, indent=4)


@cache
def _program() -> str:
    return (files(__package__) / "cli.sh").read_text(encoding="utf-8")
