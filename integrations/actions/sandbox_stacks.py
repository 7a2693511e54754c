"""Play the customer's cloud administrator in the sandbox: a connection's stack is made, updated and deleted there.

Only where `AWS_ENDPOINT_URL` names a sandbox on this machine; on AWS the customer does this, and nobody else can.
No transaction is open while the sandbox is called.
"""

from uuid import UUID

from django.conf import settings

from integrations.actions.role_templates import cloudformation_template
from integrations.aws.customer_stack import create_or_update_stack, delete_stack
from integrations.models import Connection
from tenants import audit
from tenants.audit import Actor
from tenants.models import AuditEvent
from tenants.scope import tenant_scope

DEPLOYED = "sandbox_stack:deployed"
DELETED = "sandbox_stack:deleted"


def deploy_stack(*, tenant_id: UUID, connection_id: UUID, by: Actor) -> str:
    """Create the connection's stack in the sandbox account of its account id, or update it; returns the account id.

    Raises:
        Connection.DoesNotExist: the tenant has no such connection.
        NotReady: no AWS account or no component is chosen yet.
        NotASandbox, StackFailed, AwsCallFailed: the sandbox is none, or it could not make the stack.
    """
    with tenant_scope(tenant_id):
        connection = Connection.objects.for_tenant(tenant_id).get(pk=connection_id)
        template = cloudformation_template(connection=connection)
    create_or_update_stack(settings.AWS_ENDPOINT_URL, connection.account_id, stack_name(connection), template.text)
    _record(DEPLOYED, connection, by)
    return connection.account_id


def remove_stack(*, tenant_id: UUID, connection_id: UUID, by: Actor) -> str:
    """Delete the connection's stack, its roles with it; one that is not there is fine. Raises as `deploy_stack`."""
    with tenant_scope(tenant_id):
        connection = Connection.objects.for_tenant(tenant_id).get(pk=connection_id)
    delete_stack(settings.AWS_ENDPOINT_URL, connection.account_id, stack_name(connection))
    _record(DELETED, connection, by)
    return connection.account_id


def stack_name(connection: Connection) -> str:
    """The stack's name: one stack for each connection, so that two of them fit one account."""
    return f"rolebridge-{connection.reference}"


def last_stack_event(connection: Connection) -> AuditEvent | None:
    """What was last done with the stack from here, if anything was; the tenant's scope is open."""
    return (
        AuditEvent.objects.filter(
            tenant_id=connection.tenant_id,
            target_kind="connection",
            target_id=str(connection.pk),
            action__in=[f"page:{DEPLOYED}", f"page:{DELETED}"],
            data__account_id=connection.account_id,
        )
        .order_by("-at")
        .first()
    )


def _record(action: str, connection: Connection, by: Actor) -> None:
    with tenant_scope(connection.tenant_id):
        audit.record(action, by=by, tenant_id=connection.tenant_id, target=connection, account_id=connection.account_id)
