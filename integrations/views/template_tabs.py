"""The tabs of the formats, on the connection's page and behind a hand-off link: one place says what each shows."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.actions.role_templates import NoRoleTemplate, render_role_template, role_set
from integrations.models import Connection
from integrations.role_templates import console
from integrations.role_templates.cloudformation import MAX_BODY_BYTES, fits_in_a_call
from integrations.role_templates.formats import Format

TABS = {
    "cloudformation": (Format.CLOUDFORMATION, Format.CLOUDFORMATION_JSON),
    "terraform": (Format.TERRAFORM, Format.TERRAFORM_ZIP),
    "cli": (Format.CLI,),
    "console": (Format.CONSOLE,),
}


@dataclass(frozen=True)
class Download:
    """A button that hands out a file."""

    label: str
    address: str


@dataclass(frozen=True)
class Tab:
    """One format."""

    id: str
    name: str
    address: str
    selected: bool


@dataclass(frozen=True)
class TemplateTabs:
    """The tabs, and what the selected one shows. `unavailable` says why these roles cannot be made in this way."""

    tabs: tuple[Tab, ...]
    selected: str
    downloads: tuple[Download, ...]
    roles_sha256: str
    file_name: str
    unavailable: str = ""
    by_way_of_s3: str = ""
    steps: tuple[console.RoleSteps, ...] = ()


def template_tabs(
    connection: Connection, selected: str, *, page: str, address_of: Callable[[Format], str]
) -> TemplateTabs:
    """The tabs of a connection that is ready for a template.

    Args:
        connection: whose tenant's scope is open.
        selected: the tab asked for; CloudFormation where there is no such tab.
        page: the address of the page that shows them.
        address_of: gives the address that hands out a format.

    Raises:
        NotReady: there is no template yet.
    """
    selected = selected if selected in TABS else "cloudformation"
    roles = role_set(connection=connection)
    names = {
        "cloudformation": "CloudFormation",
        "terraform": "Terraform",
        "cli": "AWS CLI",
        "console": _("By hand"),
    }
    unavailable = by_way_of_s3 = ""
    steps: tuple[console.RoleSteps, ...] = ()
    try:
        file = render_role_template(roles=roles, chosen=TABS[selected][0])
        if selected == "cloudformation" and not fits_in_a_call(file.text):
            by_way_of_s3 = _(
                "This template has %(size)s bytes, and a call takes %(limit)s: upload it in the console, or give the "
                "command line a bucket of yours with --s3-bucket."
            ) % {"size": len(file.content), "limit": MAX_BODY_BYTES}
        if selected == "console":
            steps = console.steps(roles)
    except NoRoleTemplate as error:
        unavailable = str(error)
    return TemplateTabs(
        tabs=tuple(Tab(tab, names[tab], f"{page}?format={tab}#template", tab == selected) for tab in TABS),
        selected=selected,
        downloads=tuple(Download(_label(chosen), address_of(chosen)) for chosen in TABS[selected]),
        roles_sha256=roles.sha256,
        file_name=roles.name,
        unavailable=unavailable,
        by_way_of_s3=by_way_of_s3,
        steps=steps,
    )


def format_name(chosen: Format) -> str:
    """What people call a format."""
    return {
        Format.CLOUDFORMATION: "CloudFormation",
        Format.CLOUDFORMATION_JSON: _("CloudFormation as JSON"),
        Format.TERRAFORM: "Terraform",
        Format.TERRAFORM_ZIP: _("Terraform as a zip"),
        Format.CLI: "AWS CLI",
        Format.CONSOLE: _("steps by hand"),
    }[chosen]


def _label(chosen: Format) -> str:
    return {
        Format.CLOUDFORMATION: _("Download for CloudFormation"),
        Format.CLOUDFORMATION_JSON: _("Download as JSON"),
        Format.TERRAFORM: _("Download as one file"),
        Format.TERRAFORM_ZIP: _("Download as a zip"),
        Format.CLI: _("Download the script"),
        Format.CONSOLE: _("Download the steps"),
    }[chosen]
