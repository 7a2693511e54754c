"""Role templates for Terraform and OpenTofu: a module in one file, or as a zip with a README. Pure and deterministic.

Policies are `jsonencode` of literals, so that nothing in them can refer to anything.
"""

import io
import re
import zipfile

from integrations.aws.permission_policies import NamedPolicy
from integrations.role_templates import hcl
from integrations.role_templates.document import RoleDocument, RoleSet
from integrations.role_templates.options import LONGEST_SESSION, SHORTEST_SESSION

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: the same input gives the same bytes


def render_file(roles: RoleSet) -> str:
    """The module as one file."""
    return "\n".join([_heading(roles), _versions(), _variables(roles), _main(roles), _outputs(roles)])


def render_zip(roles: RoleSet) -> bytes:
    """The module as a zip of one folder. Nothing in it is compressed: zlib's output changes from version to version."""
    files = {
        "README.md": _readme(roles),
        "main.tf": _heading(roles) + "\n" + _main(roles),
        "outputs.tf": _outputs(roles),
        "variables.tf": _variables(roles),
        "versions.tf": _versions(),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"{roles.name}/{name}", date_time=_ZIP_EPOCH)
            entry.create_system = 3  # Unix, whatever it is made on
            entry.external_attr = 0o100644 << 16
            packed.writestr(entry, text)
    return archive.getvalue()


def _heading(roles: RoleSet) -> str:
    return "".join(f"# {re.sub(r'[^ -~]', ' ', line)}\n" for line in roles.heading)


def _versions() -> str:
    return hcl.block(
        "terraform",
        body=[
            'required_version = ">= 1.2"',
            "required_providers {",
            "  aws = {",
            '    source  = "hashicorp/aws"',
            '    version = ">= 4.9"',
            "  }",
            "}",
        ],
    )


def _variables(roles: RoleSet) -> str:
    options = roles.options
    session = "var.max_session_seconds"
    return "\n".join(
        [
            hcl.block(
                "variable",
                "permissions_boundary",
                body=hcl.attributes(
                    {
                        "description": hcl.string("ARN of the permissions boundary of the roles; empty for none."),
                        "type": "string",
                        "default": hcl.string(options.boundary_arn),
                    }
                ),
            ),
            hcl.block(
                "variable",
                "extra_tags",
                body=_indented(
                    hcl.attributes(
                        {
                            "description": hcl.string("Tags of the roles, beside ours."),
                            "type": "map(string)",
                            "default": hcl.value(dict(options.tags)),
                        }
                    )
                ),
            ),
            hcl.block(
                "variable",
                "max_session_seconds",
                body=[
                    *hcl.attributes(
                        {
                            "description": hcl.string("How long a session in a role may last; an hour is enough."),
                            "type": "number",
                            "default": str(options.max_session_seconds),
                        }
                    ),
                    "validation {",
                    f"  condition     = {session} >= {SHORTEST_SESSION} && {session} <= {LONGEST_SESSION}",
                    f'  error_message = "Give {SHORTEST_SESSION} to {LONGEST_SESSION} seconds."',
                    "}",
                ],
            ),
        ]
    )


def _main(roles: RoleSet) -> str:
    account = hcl.string(roles.account_id)
    blocks = [
        hcl.block(
            "data",
            "aws_caller_identity",
            "current",
            body=[
                "lifecycle {",
                "  postcondition {",
                f"    condition     = self.account_id == {account}",
                f'    error_message = "These roles are for AWS account {roles.account_id}."',
                "  }",
                "}",
            ],
        )
    ]
    for document in roles.documents:
        name = document.component_id.replace("-", "_")
        blocks.append(_role(document, name))
        blocks += [_inline_policy(inline, name) for inline in document.inline_policies]
        for number, managed in enumerate(document.managed_policies, start=1):
            blocks += _managed_policy(document, managed, name, number)
    return "\n".join(blocks)


def _role(document: RoleDocument, name: str) -> str:
    ours = hcl.value(dict(document.tags))
    return hcl.block(
        "resource",
        "aws_iam_role",
        name,
        body=_indented(
            hcl.attributes(
                {
                    "name": hcl.string(document.role_name),
                    "path": hcl.string(document.path),
                    "description": hcl.string(document.description),
                    "max_session_duration": "var.max_session_seconds",
                    "permissions_boundary": 'var.permissions_boundary == "" ? null : var.permissions_boundary',
                    "assume_role_policy": f"jsonencode({hcl.value(document.trust_policy)})",
                    "tags": f"merge(var.extra_tags, {ours})",
                }
            )
        ),
    )


def _inline_policy(inline: NamedPolicy, name: str) -> str:
    return hcl.block(
        "resource",
        "aws_iam_role_policy",
        name,
        body=_indented(
            hcl.attributes(
                {
                    "name": hcl.string(inline.name),
                    "role": f"aws_iam_role.{name}.name",
                    "policy": f"jsonencode({hcl.value(inline.document)})",
                }
            )
        ),
    )


def _managed_policy(document: RoleDocument, managed: NamedPolicy, name: str, number: int) -> list[str]:
    label = f"{name}_{number}"
    return [
        hcl.block(
            "resource",
            "aws_iam_policy",
            label,
            body=_indented(
                hcl.attributes(
                    {
                        "name": hcl.string(managed.name),
                        "path": hcl.string(document.path),
                        "policy": f"jsonencode({hcl.value(managed.document)})",
                    }
                )
            ),
        ),
        hcl.block(
            "resource",
            "aws_iam_role_policy_attachment",
            label,
            body=hcl.attributes({"role": f"aws_iam_role.{name}.name", "policy_arn": f"aws_iam_policy.{label}.arn"}),
        ),
    ]


def _outputs(roles: RoleSet) -> str:
    blocks = []
    for document in roles.documents:
        name = document.component_id.replace("-", "_")
        blocks.append(
            hcl.block(
                "output",
                f"{name}_role_arn",
                body=hcl.attributes(
                    {
                        "description": hcl.string(f"The role for component {document.component_id}."),
                        "value": f"aws_iam_role.{name}.arn",
                    }
                ),
            )
        )
    return "\n".join(blocks)


def _indented(lines: list[str]) -> list[str]:
    """The lines of expressions that take several, each on its own, so that a block indents all of them."""
    return [part for line in lines for part in line.split("\n")]


def _readme(roles: RoleSet) -> str:
    product = re.sub(r"[^ -~]|[`*_<>\[\]#|\\]", " ", roles.product_name)
    listed = "".join(f"- `{document.role_name}` in path `{document.path}`\n" for document in roles.documents)
    return f"""\
# Access of {product} to AWS account {roles.account_id}

A module for Terraform 1.2 or newer, or OpenTofu. It makes these roles and nothing else:

{listed}
Catalogue version {roles.catalogue_version}. SHA-256 of the roles as canonical JSON, the same in every format:
`{roles.sha256}`

## Use

Unpack the folder beside your own files, with a provider for account {roles.account_id}:

    module "{roles.name}" {{
      source = "./{roles.name}"
    }}

Or run it by itself: `terraform init`, `terraform plan`, `terraform apply`. It stops where the provider is for another
account.

## Variables

| Name | Is | Default |
|---|---|---|
| `permissions_boundary` | ARN of the permissions boundary of the roles; empty for none | as chosen in the portal |
| `extra_tags` | tags of the roles, beside ours | as chosen in the portal |
| `max_session_seconds` | how long a session may last; an hour is enough | {roles.options.max_session_seconds} |

The external ID, the trusted role, the role names and the path belong together: change them in the portal, and take the
new files.

## Remove

`terraform destroy`, or take the module out of your files and apply. The portal then looks until AWS refuses us.
"""
