"""What a verification is told of a customer role: its connection and its options as plain values."""

from django.utils import timezone

from integrations.actions.external_ids import external_ids_of_role
from integrations.actions.released_components import released_components
from integrations.aws.report import VerificationTarget
from integrations.catalogue import Component, version_numbers
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Status
from integrations.next_verification import may_be_new
from integrations.role_templates.document import version_tag_key


def verification_target(connection: Connection, role: CustomerRole) -> VerificationTarget:
    """The target of a role of the connection, whose tenant's scope is open; UnknownComponent if none offers it.

    Each time the customer asks for a verification counts as saying that the role is deployed, but only of a role that
    can be new: one that worked before was spread by AWS long ago, and waiting would not bring it back.
    """
    is_new = may_be_new(Status(role.status), worked_at=role.worked_at, now=timezone.now())
    current, options = catalogue(), connection.role_options
    external_ids = external_ids_of_role(connection, role)
    component = current.component(role.component)
    role.connection = connection
    return VerificationTarget(
        tenant_ref=connection.tenant.reference,
        connection_ref=connection.reference,
        account_id=connection.account_id,
        external_id=external_ids.current,
        next_external_id=external_ids.following,
        previous_external_ids=external_ids.previous,
        retired=external_ids.retired,
        role_name=role.name,
        role_path=options.path,
        component=component,
        regions=options.regions,
        self_inspection=options.self_inspection,
        boundary_arn=options.boundary_arn,
        version_tag_key=version_tag_key(current),
        known_version=role.deployed_version,
        older_versions=_older_versions(component),
        max_session_seconds=options.max_session_seconds,
        said_deployed_at=connection.asked_at if is_new else None,
    )


def _older_versions(component: Component) -> tuple[str, ...]:
    """Versions of the component that were released before it and lack some of its permissions."""
    if not any(permission.since for permission in component.permissions):
        return ()
    current = version_numbers(component.version)
    return tuple(version for version in released_components(component.id) if version_numbers(version) < current)
