"""Pause and resume, by the customer; support may pause, too. While a role is paused, no session in it is opened and
none is refreshed.

A session that is open already ends within the hour; the customer ends it at once with the policy of
`integrations.aws.policies.revoke_older_sessions_policy`.
"""

from collections.abc import Iterable
from contextlib import suppress

from django.db import transaction
from django.db.models import QuerySet

from integrations.actions.status_changes import Cause, change_status
from integrations.actions.verifications import NotReady, refuse_while_stopped, request_verification
from integrations.models import Connection, CustomerRole, Status
from tenants import audit
from tenants.audit import Actor


class NotOfThisConnection(ValueError):
    """The connection has no such component; the message names those it has."""


@transaction.atomic
def pause(*, connection: Connection, by: Actor, components: Iterable[str] | None = None) -> list[str]:
    """Pause the roles of these components, or of all; gives the components that are paused now and were not before.

    The tenant's scope is open. Roles that are being removed stay as they are.

    Raises:
        NotOfThisConnection: nothing is changed.
    """
    roles = _roles(connection, components).exclude(status__in=[Status.PAUSED, Status.REMOVING, Status.REMOVED])
    cause = Cause.PAUSED_BY_SUPPORT if by.kind == "staff" else Cause.PAUSED
    paused = [role.component for role in change_status(roles, Status.PAUSED, cause=cause)]
    paused += _keep_paused(_roles(connection, components))
    if paused:
        audit.record("connection:paused", by=by, tenant_id=connection.tenant_id, target=connection, components=paused)
    return paused


@transaction.atomic
def resume(*, connection: Connection, by: Actor, components: Iterable[str] | None = None) -> list[str]:
    """Resume the paused roles of these components, or all, and ask for a verification; gives what was resumed.

    A quarantine outlives a pause. The tenant's scope is open.

    Raises:
        NotOfThisConnection: nothing is changed.
        NotReady: the vendor paused all access; nothing is changed.
    """
    refuse_while_stopped()
    roles = _roles(connection, components).filter(status=Status.PAUSED)
    resumed = sorted(
        role.component
        for quarantined, status in ((True, Status.UNSAFE), (False, Status.AWAITING))
        for role in change_status(roles.filter(quarantined=quarantined), status, cause=Cause.RESUMED)
    )
    if resumed:
        audit.record("connection:resumed", by=by, tenant_id=connection.tenant_id, target=connection, components=resumed)
        with suppress(NotReady):  # it was paused before there was anything to verify
            request_verification(connection=connection, by=by)
    return resumed


def _keep_paused(roles: QuerySet[CustomerRole]) -> list[str]:
    """Of roles that the vendor's emergency stop paused: the customer pauses them too, so they stay so when it ends."""
    by_vendor = roles.exclude(vendor_paused_from__in=["", Status.PAUSED])
    kept = list(by_vendor.values_list("component", flat=True))
    by_vendor.update(vendor_paused_from=Status.PAUSED)
    return kept


def _roles(connection: Connection, components: Iterable[str] | None) -> QuerySet[CustomerRole]:
    Connection.objects.select_for_update(no_key=True).get(tenant_id=connection.tenant_id, pk=connection.pk)
    roles = connection.roles.filter(tenant_id=connection.tenant_id)
    if components is None:
        return roles
    known = [role.component for role in roles]
    wanted = list(components)
    for component in wanted:
        if component not in known:
            has = f"It has: {', '.join(known)}." if known else "It has none."
            raise NotOfThisConnection(f"This connection has no component '{component}'. {has}")
    return roles.filter(component__in=wanted)
