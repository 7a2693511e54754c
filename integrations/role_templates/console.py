"""Role templates as written steps for the AWS console, with each document to copy. Pure and deterministic."""

import json
import re
from dataclasses import dataclass, replace

from integrations.aws.words import InWords, gettext_noop
from integrations.role_templates.document import RoleDocument, RoleSet
from integrations.role_templates.options import DEFAULT_ROLE_PATH


class ConsoleCannot(InWords):
    """The console has no way to make these roles; the message says which format has one."""


@dataclass(frozen=True)
class Step:
    """One thing to do in the console, and the text to paste there if there is one."""

    text: str
    document: str = ""
    document_name: str = ""
    id: str = ""  # unique in the page that shows all steps


@dataclass(frozen=True)
class RoleSteps:
    """How one role is made."""

    role_name: str
    steps: tuple[Step, ...]


def steps(roles: RoleSet) -> tuple[RoleSteps, ...]:
    """The steps for each role; ConsoleCannot where the console could not make one."""
    if roles.options.path != DEFAULT_ROLE_PATH:
        raise ConsoleCannot(
            gettext_noop(
                "The AWS console makes roles in the path / only, and you chose %(path)s. Use CloudFormation, "
                "Terraform or the command line, or choose the path /."
            ),
            path=roles.options.path,
        )
    return tuple(
        RoleSteps(
            document.role_name,
            tuple(
                replace(step, id=f"{document.component_id}-step-{number}")
                for number, step in enumerate(_steps(document), start=1)
            ),
        )
        for document in roles.documents
    )


def render(roles: RoleSet) -> str:
    """The steps as Markdown; ConsoleCannot as `steps`."""
    lines = [f"# {_plain(roles.product_name)}: access to AWS account {roles.account_id}", ""]
    lines += [_plain(line) for line in roles.heading[1:]]
    lines += ["", f"Catalogue version {_plain(roles.catalogue_version)}.", ""]
    for role in steps(roles):
        lines += [f"## {role.role_name}", ""]
        for number, step in enumerate(role.steps, start=1):
            lines += [f"{number}. {_plain(step.text)}", ""]
            if step.document:
                lines += ["   ```", *(f"   {line}" for line in step.document.splitlines()), "   ```", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _steps(document: RoleDocument) -> list[Step]:
    found = [
        Step(
            "In the AWS console open IAM, Roles, Create role. Choose Custom trust policy, and put this in place of "
            "what stands there. Then Next.",
            json.dumps(document.trust_policy, indent=2),
            "trust policy",
        )
    ]
    if document.boundary_arn:
        found.append(
            Step(
                "Tick no permissions policy. Open Set permissions boundary, choose to use one, and pick this policy. "
                "Then Next.",
                document.boundary_arn,
                "permissions boundary",
            )
        )
    else:
        found.append(Step("Tick no permissions policy. Then Next."))
    found += [
        Step("Give the role this name, letter by letter.", document.role_name, "role name"),
        Step("Give it this description.", document.description, "description"),
    ]
    for key, value in (*document.tags, *document.extra_tags):
        found.append(Step(f"Add the tag with the key {key} and this value.", value or "(empty)", f"tag {key}"))
    found.append(Step("Press Create role."))
    for policy in document.inline_policies:
        found.append(
            Step(
                f"Open the new role. Under Add permissions choose Create inline policy, JSON, and put this in place of "
                f"what stands there. Then Next, the policy name {policy.name}, and Create policy.",
                json.dumps(policy.document, indent=2),
                f"policy {policy.name}",
            )
        )
    for policy in document.managed_policies:
        found.append(
            Step(
                "Under Policies, Create policy, JSON, put this in place of what stands there. Then Next, the policy "
                f"name {policy.name}, and Create policy. Then, in the role, Add permissions, Attach policies, tick it.",
                json.dumps(policy.document, indent=2),
                f"policy {policy.name}",
            )
        )
    if document.max_session_seconds != 3600:
        found.append(
            Step(
                "Open the role, Edit, and set its maximum session duration, as a custom value, to this many seconds.",
                str(document.max_session_seconds),
                "session length",
            )
        )
    return found


def _plain(text: str) -> str:
    """The text without what Markdown or a line break could make something else of."""
    return re.sub(r"[^ -~\u00a1-\u00ff]|[`*\[\]<>#|\\]", " ", text)
