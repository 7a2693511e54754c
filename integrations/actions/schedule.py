"""When a connection is verified again by itself, and the one who sees to it."""

from uuid import UUID

from django.utils import timezone

from integrations.actions.emergency_stop import active_stop
from integrations.actions.vendor_identity import broken_identity
from integrations.actions.verifications import NotReady, plan_next, request_verification
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import call, tenant_scope

MOST_AT_ONCE = 100
# Scheduled verifications wait in the schedule, not in the queue: after an outage thousands are due, and what waits in
# the queue for too long ends without a verdict. No tenant, with accounts that hang, takes all of these places.
MOST_WAITING = 500
MOST_WAITING_PER_TENANT = 50


def verify_due() -> int:
    """Ask for a verification of each connection that is due; how many were asked for.

    Fair between tenants: each tenant's longest overdue connection comes before any tenant's second. Two runs of this at
    once take different connections.
    """
    if active_stop() is not None or broken_identity() is not None:
        return 0  # what is due stays due: nothing could be found of a customer's role
    room = min(MOST_AT_ONCE, MOST_WAITING - len(call("waiting_verifications", timezone.now())))
    if room <= 0:
        return 0
    due = call("due_connections_with_room", room, MOST_WAITING_PER_TENANT)
    return sum(_verify(tenant_id, connection_id) for tenant_id, connection_id in due)


def _verify(tenant_id: UUID, connection_id: UUID) -> bool:
    with tenant_scope(tenant_id):
        connection = (
            Connection.objects.for_tenant(tenant_id)
            .select_for_update(skip_locked=True, no_key=True)
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
