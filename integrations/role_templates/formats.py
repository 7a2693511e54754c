"""The formats of role templates, by the names that pages, API and downloads use. All describe the same roles. Pure."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from integrations.role_templates import cli, cloudformation, console, terraform
from integrations.role_templates.document import RoleSet


class Format(StrEnum):
    """A format, by the name that addresses and the database use."""

    CLOUDFORMATION = "cloudformation"
    CLOUDFORMATION_JSON = "cloudformation-json"
    TERRAFORM = "terraform"
    TERRAFORM_ZIP = "terraform-zip"
    CLI = "cli"
    CONSOLE = "console"


CHOICES = [(chosen.value, chosen.value) for chosen in Format]


@dataclass(frozen=True)
class TemplateFile:
    """A rendered role template."""

    format: Format
    filename: str
    media_type: str
    content: bytes

    @property
    def text(self) -> str:
        """The file as text; UnicodeDecodeError for a zip."""
        return self.content.decode()

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes of the file, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class _Kind:
    ending: str
    media_type: str
    render: Callable[[RoleSet], str | bytes]


_KINDS = {
    Format.CLOUDFORMATION: _Kind(".yaml", "application/yaml", cloudformation.render_yaml),
    Format.CLOUDFORMATION_JSON: _Kind(".json", "application/json", cloudformation.render_json),
    Format.TERRAFORM: _Kind(".tf", "text/plain", terraform.render_file),
    Format.TERRAFORM_ZIP: _Kind(".zip", "application/zip", terraform.render_zip),
    Format.CLI: _Kind(".sh", "text/x-shellscript", cli.render),
    Format.CONSOLE: _Kind(".md", "text/markdown", console.render),
}
MEDIA_TYPES = {chosen: kind.media_type for chosen, kind in _KINDS.items()}


def render(chosen: Format, roles: RoleSet) -> TemplateFile:
    """The file that makes `roles` in the chosen format.

    Raises:
        TemplateTooLong, ConsoleCannot: this format has no way to make them; the message says which has.
    """
    kind = _KINDS[chosen]
    content = kind.render(roles)
    return TemplateFile(
        format=chosen,
        filename=roles.name + kind.ending,
        media_type=kind.media_type,
        content=content if isinstance(content, bytes) else content.encode(),
    )
