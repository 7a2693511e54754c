"""The vendor's emergency stop: all access is paused at once, and comes back as it was.

Two things hold it. The flag (an active `EmergencyStop`) counts at once and for everybody: no verification is asked for
or claimed while it is on, and a worker in mid-run looks at it every second and then opens no session more. The paused
state of the customer roles follows in batches (`follow`), so that customers, the API and staff see it; it remembers
what each role was before, which lifting restores. What cannot be reached now, because somebody holds a lock on it,
follows within seconds: beat calls `follow` again and again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from random import random
from uuid import UUID

from celery import current_app
from django.db import connections, transaction
from django.db.models import Count, Exists, F, QuerySet
from django.db.utils import OperationalError
from django.utils import timezone
from kombu.exceptions import OperationalError as QueueUnavailable

from integrations.actions.status_changes import Cause, change_status
from integrations.aws.policies import PolicyDocument, revoke_older_sessions_policy
from integrations.aws.stop import allow_sessions, stop_sessions
from integrations.catalogue_file import catalogue
from integrations.launch_sessions import drop_launch_sessions
from integrations.models import Connection, CustomerRole, EmergencyStop, Session, Status
from integrations.vendor import vendor_settings
from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import APP, STAFF, call, installation_scope, staff_scope, tenant_scope

BATCH = 200  # connections that are looked up at once; each tenant's are changed in a transaction of their own
LOCK_TIMEOUT = "2s"
VERIFIED_WITHIN = timedelta(minutes=10)  # after lifting, spread over all connections
_FIRST = UUID(int=0)


class NoReason(ValueError):
    """The emergency stop is started and lifted with a reason, which the audit events keep."""


class NotStopped(ValueError):
    """There is no emergency stop to lift."""


@dataclass(frozen=True)
class Progress:
    """What `follow` came to: connections whose roles were paused or restored, and those that were locked."""

    followed: int
    locked: int


def active_stop() -> EmergencyStop | None:
    """The emergency stop that is on, if one is."""
    return EmergencyStop.objects.filter(is_active=True).first()


def is_on() -> Exists:
    """Whether the stop is on, to read with something else in one query."""
    return Exists(EmergencyStop.objects.filter(is_active=True))


def obey(stopped: bool | None = None) -> bool:
    """Let this process open sessions or not, as the installation says; whether the stop is on.

    Args:
        stopped: what `is_on` has just said; without it, the database is asked.
    """
    if stopped is None:
        stopped = active_stop() is not None
    if stopped:
        stop_sessions()
        drop_launch_sessions()
    else:
        allow_sessions()
    return stopped


def start_stop(*, reason: str, by: Actor) -> EmergencyStop:
    """Pause everything, at once. While a stop is on already, that one is the answer.

    Raises:
        NoReason: nothing is changed.
    """
    _needs(reason)
    with installation_scope():
        stop, is_new = EmergencyStop.objects.get_or_create(
            is_active=True, defaults={"reason": reason, "started_at": timezone.now(), "started_by": by.name}
        )
        if is_new:
            audit.record("emergency_stop:started", by=by, tenant_id=None, target=stop, reason=reason)
        transaction.on_commit(_send_follow)
    return stop


def lift_stop(*, reason: str, by: Actor) -> EmergencyStop:
    """End the emergency stop: every role becomes what it was, and is verified within `VERIFIED_WITHIN`.

    Raises:
        NoReason, NotStopped: nothing is changed.
    """
    _needs(reason)
    with installation_scope():
        stop = EmergencyStop.objects.select_for_update().filter(is_active=True).first()
        if stop is None:
            raise NotStopped("There is no emergency stop to lift.")
        stop.is_active, stop.lifted_at, stop.lifted_by, stop.lift_reason = False, timezone.now(), by.name, reason
        stop.save(update_fields=["is_active", "lifted_at", "lifted_by", "lift_reason"])
        audit.record("emergency_stop:lifted", by=by, tenant_id=None, target=stop, reason=reason)
        transaction.on_commit(_send_follow)
    return stop


def follow() -> Progress:
    """Bring the customer roles after the flag: paused while it is on, what they were before once it is lifted.

    Safe to repeat and to run twice at once. A tenant whose rows are locked is passed over, and counted.
    """
    stopped = obey()
    followed = locked = 0
    for tenant_id, connection_ids in _batches(stopped):
        try:
            done = _follow(tenant_id, connection_ids, stopped=stopped)
        except OperationalError:  # a lock was not had in time
            done = 0
        followed += done
        locked += len(connection_ids) - done
    return Progress(followed, locked)


def open_sessions(at: datetime) -> Iterator[Session]:
    """The receipts of the sessions that were open at that time, of all tenants, by tenant. Those of no tenant are in
    `vendor_sessions.open_vendor_sessions`.
    """
    sessions = Session.objects.using(STAFF).filter(opened_at__lte=at, expires_at__gt=at)
    yield from (
        sessions.select_related("tenant", "connection")
        .order_by("tenant_id", "connection_id", "opened_at")
        .iterator(chunk_size=500)
    )


@dataclass(frozen=True)
class InUse:
    """How much an emergency stop would pause."""

    tenants: int
    connections: int
    roles: int


def in_use() -> InUse:
    """How many customer roles are neither paused nor on their way out, of how many connections and tenants."""
    with staff_scope():
        roles = CustomerRole.objects.exclude(status__in=[Status.PAUSED, Status.REMOVING, Status.REMOVED])
        numbers = roles.aggregate(
            tenants=Count("tenant", distinct=True), connections=Count("connection", distinct=True), roles=Count("pk")
        )
    return InUse(**numbers)


def revoke_policy(stop: EmergencyStop) -> PolicyDocument:
    """For the vendor's roles of `trusted_roles`: refuses their sessions that were opened before the stop."""
    return revoke_older_sessions_policy(stop.started_at)


def trusted_roles() -> list[str]:
    """The ARNs of the vendor's roles that customers trust, whose live sessions are to be revoked."""
    vendor = vendor_settings()
    return list(dict.fromkeys(vendor.trusted_principal_arn(component.id) for component in catalogue().components))


def _needs(reason: str) -> None:
    if not reason.strip():
        raise NoReason("Give a reason: the audit events keep it.")


def _send_follow() -> None:
    try:
        current_app.send_task("integrations.tasks.follow_emergency_stop")
    except (QueueUnavailable, OSError):
        return  # the flag counts all the same, and beat comes


def _batches(stopped: bool) -> Iterator[tuple[UUID, list[UUID]]]:
    """The connections that do not follow the flag yet, each once, by tenant."""
    last = (_FIRST, _FIRST)
    while batch := call("connections_behind_the_stop", stopped, *last, BATCH):
        last = batch[-1]
        for tenant_id, rows in groupby(batch, key=itemgetter(0)):
            yield tenant_id, [connection_id for _, connection_id in rows]


def _follow(tenant_id: UUID, connection_ids: list[UUID], *, stopped: bool) -> int:
    with tenant_scope(tenant_id):
        with connections[APP].cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        if (active_stop() is not None) != stopped:
            return 0  # it was lifted, or started, meanwhile: the next call sees to that
        ours = Connection.objects.for_tenant(tenant_id).select_for_update(skip_locked=True, no_key=True)
        found = list(ours.filter(pk__in=connection_ids))
        free = CustomerRole.objects.select_for_update(skip_locked=True).filter(connection__in=found)
        roles = CustomerRole.objects.filter(pk__in=[role.pk for role in free])
        changed = _pause(roles) if stopped else _restore(roles, found)
        if changed:
            audit.record(
                "emergency_stop:paused" if stopped else "emergency_stop:restored",
                by=SYSTEM,
                tenant_id=tenant_id,
                target=Tenant.objects.get(pk=tenant_id),
                connections=len({role.connection_id for role in changed}),
                roles=len(changed),
            )
        return len(found)


def _pause(roles: QuerySet[CustomerRole]) -> list[CustomerRole]:
    in_use = roles.exclude(status__in=[Status.PAUSED, Status.REMOVING, Status.REMOVED])
    return change_status(in_use, Status.PAUSED, cause=Cause.EMERGENCY_STOP, vendor_paused_from=F("status"))


def _restore(roles: QuerySet[CustomerRole], found: list[Connection]) -> list[CustomerRole]:
    ours = roles.exclude(vendor_paused_from="")
    changed: list[CustomerRole] = []
    for status in set(ours.filter(status=Status.PAUSED).values_list("vendor_paused_from", flat=True)):
        before = ours.filter(status=Status.PAUSED, vendor_paused_from=status)
        changed += change_status(before, Status(status), cause=Cause.EMERGENCY_STOP_LIFTED)
    ours.update(vendor_paused_from="")  # of those that the customer paused, or took out of use, meanwhile
    now = timezone.now()
    for connection in found:
        if connection.account_id and connection.removed_at is None:
            connection.next_verification_at = now + VERIFIED_WITHIN * random()  # noqa: S311 — it spreads load
    Connection.objects.bulk_update(found, ["next_verification_at"])
    return changed
