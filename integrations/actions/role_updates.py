"""Customer roles that were made for an older version of their component, and what the newer one asks for."""

from dataclasses import dataclass

from integrations.actions.released_components import released_components
from integrations.catalogue import version_numbers
from integrations.catalogue_file import catalogue
from integrations.component_versions import VersionDifference, difference
from integrations.models import Connection, CustomerRole
from integrations.models.connection import GOING
from integrations.role_templates.formats import Format


@dataclass(frozen=True)
class RoleUpdate:
    """An update of one role."""

    role: CustomerRole
    difference: VersionDifference


def role_updates(*, connection: Connection) -> list[RoleUpdate]:
    """The updates that the connection's roles could have; its tenant's scope is open. A newer version that asks for
    nothing else is none.
    """
    found = []
    for role in connection.roles.all():
        if role.status in GOING or not role.deployed_version or not catalogue().offers(role.component):
            continue
        current = catalogue().component(role.component)
        if version_numbers(current.version) <= version_numbers(role.deployed_version):
            continue
        released = released_components(role.component).get(role.deployed_version)
        update = RoleUpdate(role, difference(released, current, role.deployed_version))
        if not update.difference.is_empty:
            found.append(update)
    return found


def format_of_original(*, connection: Connection) -> Format:
    """The format that the connection's role template was last taken in; CloudFormation where it never was."""
    last = connection.role_template_downloads.select_related("role_template").defer("role_template__content").first()
    return Format(last.role_template.format) if last else Format.CLOUDFORMATION
