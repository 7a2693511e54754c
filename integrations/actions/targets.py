"""What a verification is told of a customer role: its connection and its options as plain values."""

from django.utils import timezone

from integrations.aws.report import VerificationTarget
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
    role.connection = connection
    return VerificationTarget(
        tenant_ref=connection.tenant.reference,
        connection_ref=connection.reference,
        account_id=connection.account_id,
        external_id=connection.external_id,
        role_name=role.name,
        role_path=options.path,
        component=current.component(role.component),
        regions=options.regions,
        self_inspection=options.self_inspection,
        boundary_arn=options.boundary_arn,
        version_tag_key=version_tag_key(current),
        max_session_seconds=options.max_session_seconds,
        said_deployed_at=connection.asked_at if is_new else None,
    )
