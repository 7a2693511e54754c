"""Off-boarding: the customer deletes the stack, and we prove that AWS refuses us."""

from django.db import transaction
from django.utils import timezone

from integrations.actions.external_id_rotations import end_with_connection
from integrations.actions.status_changes import Cause, change_status
from integrations.actions.verifications import NotReady, plan_next, request_verification
from integrations.models import Connection, Status
from tenants import audit
from tenants.audit import SYSTEM, Actor


@transaction.atomic
def request_removal(*, connection: Connection, by: Actor) -> Connection:
    """Take a connection out of use for good, and look until AWS refuses us in each of its roles. It cannot be undone:
    its external ID is never used again. Asking twice changes nothing. The tenant's scope is open.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(tenant_id=connection.tenant_id, pk=connection.pk)
    if connection.removal_requested_at is not None:
        return connection
    now = timezone.now()
    connection.removal_requested_at = connection.asked_at = now
    change_status(connection.roles.exclude(status=Status.REMOVED), Status.REMOVING, cause=Cause.REMOVAL)
    connection.save(update_fields=["removal_requested_at", "asked_at"])
    end_with_connection(connection=connection, by=by)
    audit.record("connection:removal_requested", by=by, tenant_id=connection.tenant_id, target=connection)
    try:
        request_verification(connection=connection, by=by)
    except NotReady:
        if connection.account_id and connection.roles.filter(status=Status.REMOVING).exists():
            # Its components have left the catalogue, or the vendor paused all access: what cannot be tried is not
            # called removed. It is tried when it can be.
            plan_next(connection, failed=False)
            return connection
        # No account or no component was ever given: there is nothing that could let us in.
        connection.removed_at = now
        still_there = connection.roles.exclude(status=Status.REMOVED)
        change_status(still_there, Status.REMOVED, cause=Cause.REMOVAL, removed_at=now)
        connection.save(update_fields=["removed_at"])
        audit.record("connection:removed", by=SYSTEM, tenant_id=connection.tenant_id, target=connection)
    return connection
