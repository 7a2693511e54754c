"""The deletion of a tenant whose time has come: every connection is removed, and then the tenant itself."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from integrations.actions.offboarding import request_removal
from integrations.models import Connection
from tenants.actions.deletion import delete_tenant
from tenants.audit import SYSTEM
from tenants.models import Tenant
from tenants.scope import call, tenant_scope

# How long we look whether AWS refuses us everywhere. A customer who deletes no stack does not keep their data here.
LOOKED_FOR = timedelta(days=14)


def carry_out_deletions() -> None:
    """Go on with the deletion of each tenant whose time has come. Each is a transaction of its own."""
    for (tenant_id,) in call("tenants_to_delete", timezone.now()):
        go_on_with_deletion(tenant_id=tenant_id)


def go_on_with_deletion(*, tenant_id: UUID) -> bool:
    """Remove the tenant's connections; once all are removed, or were looked at long enough, delete it. True if it is
    deleted.
    """
    with tenant_scope(tenant_id):
        for connection in Connection.objects.for_tenant(tenant_id).filter(removal_requested_at=None):
            request_removal(connection=connection, by=SYSTEM)
        left = Connection.objects.for_tenant(tenant_id).filter(removed_at=None).count()
        due_at = Tenant.objects.values_list("deletion_due_at", flat=True).get(pk=tenant_id)
    if left and (due_at is None or timezone.now() < due_at + LOOKED_FOR):
        return False
    delete_tenant(tenant_id=tenant_id, connections_not_proved=left)
    return True
