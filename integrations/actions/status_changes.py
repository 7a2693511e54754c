"""The one way to change customer roles' statuses outside of verifications, and the history of all changes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from integrations.actions.sessions import drop_sessions
from integrations.models import Connection, CustomerRole, Status, StatusChange, Verification

Cause = StatusChange.Cause
MOST_CHANGES = 500  # a role that flaps must not make a page endless
# In which no session is kept; the empty one is that of a role that is no more.
NO_SESSIONS = ("", Status.PAUSED, Status.UNSAFE, Status.REMOVING, Status.REMOVED)


def change_status(roles: QuerySet[CustomerRole], status: Status, *, cause: Cause, **fields: Any) -> list[CustomerRole]:
    """Give roles another status, and write it to the history; gives those that had another one before.

    What they passed before is forgotten: to be connected again, a role passes twice. Tenant's scope and transaction are
    open, and the connection is locked.
    """
    now = timezone.now()
    changed = [role for role in roles if role.status != status]
    CustomerRole.objects.filter(pk__in=[role.pk for role in changed]).update(
        **({"status": status, "status_since": now, "passes": 0, "vendor_paused_from": ""} | fields)
    )
    write_history(changed, status, cause=cause, at=now)
    return changed


def write_history(
    roles: Iterable[CustomerRole],
    after: str,
    *,
    cause: Cause,
    at: datetime,
    new: bool = False,
    verification: Verification | None = None,
) -> None:
    """Write that these roles, which hold their former status (none where they are `new`), have the one `after` now.

    The sessions of those that may be used no more are dropped.
    """
    roles = list(roles)
    if after in NO_SESSIONS:
        for reference in {role.connection.reference for role in roles}:
            drop_sessions(reference)
    StatusChange.objects.bulk_create(
        StatusChange(
            tenant_id=role.tenant_id,
            connection_id=role.connection_id,
            verification=verification,
            component=role.component,
            at=at,
            before="" if new else role.status,
            after=after,
            cause=cause,
        )
        for role in roles
    )


def changes_since(connection: Connection, moment: datetime) -> list[StatusChange]:
    """The changes of a connection's roles since then, the newest first; the latest `MOST_CHANGES` of them."""
    changes = StatusChange.objects.filter(connection=connection, at__gte=moment)
    return list(changes.only("component", "at", "before", "after", "cause")[:MOST_CHANGES])
