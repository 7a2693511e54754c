"""When a connection is verified again by itself, and the one who sees to it."""

from uuid import UUID

from django.utils import timezone

from integrations.actions.verifications import NotReady, plan_next, request_verification
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import call, tenant_scope

MOST_AT_ONCE = 50
# Scheduled verifications wait in the schedule, not in the queue: after an outage thousands are due, and a customer who
# presses Verify stands behind this many at the most.
MOST_WAITING = 100


def verify_due() -> int:
    """Ask for a verification of each connection that is due; how many were asked for.

    Fair between tenants: each tenant's longest overdue connection comes before any tenant's second. Two runs of this at
    once take different connections.
    """
    room = min(MOST_AT_ONCE, MOST_WAITING - len(call("waiting_verifications", timezone.now())))
    if room <= 0:
        return 0
    return sum(_verify(tenant_id, connection_id) for tenant_id, connection_id in call("due_connections", room))


def _verify(tenant_id: UUID, connection_id: UUID) -> bool:
    with tenant_scope(tenant_id):
        connection = (
            Connection.objects.for_tenant(tenant_id)
            .select_for_update(skip_locked=True)
            .filter(pk=connection_id, next_verification_at__lte=timezone.now())
            .first()
        )
        if connection is None:
            return False
        connection.next_verification_at = None  # set again when this verification ends
        connection.save(update_fields=["next_verification_at"])
        try:
            request_verification(connection=connection, by=SYSTEM)
        except NotReady:
            # Paused or removed, it waits for a customer. Where its component has left the catalogue, it is asked again
            # later: the component may come back.
            plan_next(connection, failed=False)
            return False
    return True
