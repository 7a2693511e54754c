"""Verifications: asked for, queued, handed back, ended without a verdict. `verification_runs` runs them.

The database says who works on what. A worker claims a verification for `VERIFICATION_LEASE_SECONDS` and renews the
claim while it works; each claim has a number (`attempt`), and what an outdated claim still writes is refused. So a
worker can be killed at any point: its lease runs out, `hand_back` queues the verification again, and it ends once.
"""

import logging
import random
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile
from math import ceil
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from integrations.actions.emergency_stop import active_stop
from integrations.actions.emergency_stop import is_on as stop_is_on
from integrations.catalogue_file import catalogue
from integrations.metrics import count_failure
from integrations.models import Connection, CustomerRole, Status, Verification
from integrations.models.connection import worst
from integrations.next_verification import WAITING_FOR_AWS, next_verification
from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent
from tenants.scope import call, tenant_scope

logger = logging.getLogger(__name__)

QUEUE = "verifications"
# What nobody waits for has a queue of its own, so that it can have workers of its own and keeps nobody waiting.
SCHEDULED_QUEUE = "scheduled_verifications"
MOST_ATTEMPTS = 5
# One tenant's slow or hanging accounts hold this many of the workers' threads at the most; the rest of its
# verifications stay queued, and other tenants' go on.
MOST_RUNNING_PER_TENANT = 4
QUEUED_AGAIN_AFTER = timedelta(seconds=30)  # its message may be lost with the broker's memory
GIVEN_UP_AFTER = timedelta(minutes=10)
SENT_TASK_EXPIRES_SECONDS = 600
LOOKED_BACK = 10
HOUR = timedelta(hours=1)

STOPPED = (
    "We have paused all access to AWS accounts for now. You need do nothing: it comes back as it was, and is "
    "verified by itself then."
)

State = Verification.State
Checks = Verification.Checks


class NotReady(ValueError):
    """The connection cannot be verified yet; the message says what is missing."""


class TooManyVerifications(NotReady):
    """The tenant asked for as many verifications in an hour as it may; the message says when it can go on."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@transaction.atomic
def request_verification(*, connection: Connection, by: Actor, checks: str = Checks.ALL) -> Verification:
    """Ask for a verification of a connection, whose tenant's scope is open. While one is queued or running that one is
    the answer, so that pressing twice gives one run; one of reachability alone becomes a whole one where that is asked
    for.

    If the queue is away when the transaction commits, the verification ends as `failed` (`queue_unavailable`).

    Args:
        connection: says which; all else of it is read anew, locked.
        by: who asks.
        checks: which checks, of `Verification.Checks`.

    Raises:
        Connection.DoesNotExist: the tenant has no such connection.
        NotReady: no AWS account or no component is chosen yet.
        TooManyVerifications: the tenant asked for as many in this hour as it may.
    """
    verification, is_new = find_or_create(connection, by, checks)
    if is_new:
        transaction.on_commit(lambda: _send_or_fail(verification))
    elif verification.scheduled and verification.state == State.QUEUED and by != SYSTEM:
        # Somebody waits for it now: it overtakes what nobody waits for. Its first message will find it taken.
        verification.scheduled = False
        verification.save(update_fields=["scheduled"])
        transaction.on_commit(lambda: send_again(verification))
    return verification


def find_or_create(connection: Connection, by: Actor, checks: str = Checks.ALL) -> tuple[Verification, bool]:
    """The connection's active verification, or a new one, and whether it is new. Raises NotReady; the scope is open."""
    locked: Any = (  # with what is annotated
        Connection.objects.select_for_update(no_key=True)
        .annotate(stopped=stop_is_on())
        .prefetch_related("roles")
        .get(tenant_id=connection.tenant_id, pk=connection.pk)
    )
    if locked.stopped:
        raise NotReady(STOPPED)
    connection = locked
    if not connection.account_id:
        raise NotReady(_("Give the 12-digit id of your AWS account first, then verify."))
    statuses = {role.status for role in connection.roles.all()}
    if not statuses:
        raise NotReady(_("Choose at least one component first, then verify."))
    if statuses <= {Status.PAUSED}:
        raise NotReady(_("This connection is paused. Resume it first, then verify."))
    if statuses <= {Status.PAUSED, Status.REMOVED}:
        raise NotReady(_("This connection is removed: AWS refuses us there, and there is nothing left to verify."))
    if not roles_to_look_at(connection):
        raise NotReady(_("We offer the components of this connection no more. Choose others first, then verify."))
    if checks == Checks.REACHABILITY and not roles_to_look_at(connection, checks):
        raise NotReady(
            _(
                "We open no session in these roles: each is unsafe or on its way out. Ask for a verification of all "
                "checks."
            )
        )
    # Locked, since a worker may be ending it just now.
    active = (
        connection.verifications.select_for_update(no_key=True).filter(state__in=[State.QUEUED, State.RUNNING]).first()
    )
    if by.is_customer and checks == Checks.ALL:
        connection.asked_at = timezone.now()
        connection.save(update_fields=["asked_at"])
    if active is not None:
        if checks == Checks.ALL and active.checks != checks:
            active.checks = checks  # a worker that is at it already sees so when it ends
            active.save(update_fields=["checks"])
        return active, False
    if by.is_customer:
        refuse_too_many(connection.tenant_id)
    verification = Verification.objects.create(
        tenant_id=connection.tenant_id,
        connection=connection,
        checks=checks,
        scheduled=by == SYSTEM and not was_just_asked(connection),
        requested_by=by.name,
        catalogue_version=catalogue().version,
    )
    audit.record(
        "verification:requested",
        by=by,
        tenant_id=connection.tenant_id,
        target=verification,
        connection=str(connection.pk),
        **({"checks": checks} if checks != Checks.ALL else {}),
    )
    return verification, True


def refuse_too_many(tenant_id: UUID, wanted: int = 1) -> None:
    """Raise TooManyVerifications where the tenant, whose scope is open, asks for more than it may in an hour.

    What comes by itself does not count. No lock is held, since each request would wait for the tenant's others: those
    of one moment are counted side by side.
    """
    most, an_hour_ago = settings.MOST_VERIFICATIONS_AN_HOUR_PER_TENANT, timezone.now() - HOUR
    asked = Verification.objects.filter(tenant_id=tenant_id, requested_at__gt=an_hour_ago)
    asked = asked.exclude(requested_by=SYSTEM.name)
    # Those of many connections at once are made by the schedule, and the audit event says how many were asked for.
    at_once = AuditEvent.objects.filter(
        tenant_id=tenant_id, at__gt=an_hour_ago, action__endswith=":connection:verifications_requested"
    )
    counted = list(at_once.values_list("at", "data__count"))
    if asked.count() + sum(count for _, count in counted) + wanted <= most:
        return
    asked_at = list(asked.values_list("requested_at", flat=True))
    for at, count in counted:
        asked_at += [at] * count
    # When enough of the earliest are an hour old.
    too_many = len(asked_at) + wanted - most
    free_at = sorted(asked_at)[too_many - 1] + HOUR if too_many <= len(asked_at) else timezone.now() + HOUR
    seconds = max(ceil((free_at - timezone.now()).total_seconds()), 1)
    raise TooManyVerifications(
        _(
            "Your organisation may ask for %(most)s verifications in an hour and has asked for %(asked)s. Try "
            "again in %(minutes)s min, or ask our support for more. What is verified by itself goes on."
        )
        % {"most": most, "asked": len(asked_at), "minutes": ceil(seconds / 60)},
        seconds,
    )


def was_just_asked(connection: Connection) -> bool:
    """Whether the customer still watches, and what comes by itself answers them as well."""
    return connection.asked_at is not None and timezone.now() - connection.asked_at < WAITING_FOR_AWS


def refuse_while_stopped() -> None:
    """Raise NotReady while the vendor's emergency stop is on."""
    if active_stop() is not None:
        raise NotReady(STOPPED)


def hand_back() -> None:
    """Queue again each verification whose worker was lost or whose message was; end what was tried or waited enough."""
    for tenant_id, verification_id in call("expired_verifications"):
        with tenant_scope(tenant_id):
            lost = Verification.objects.get(tenant_id=tenant_id, pk=verification_id)
        if lost.attempt >= MOST_ATTEMPTS:
            end_without_verdict(tenant_id, lost.pk, State.FAILED, failure="worker_lost", attempt=lost.attempt)
        else:
            send_again(lost)
    waiting = call("waiting_verifications", timezone.now() - QUEUED_AGAIN_AFTER)
    for tenant_id in {tenant_id for tenant_id, _verification_id in waiting}:
        _hand_back_waiting(tenant_id)


def _hand_back_waiting(tenant_id: UUID) -> None:
    with tenant_scope(tenant_id):
        busy = running(tenant_id).count()
        waiting = list(_waiting(tenant_id)[:MOST_RUNNING_PER_TENANT])
    given_up_before = timezone.now() - GIVEN_UP_AFTER
    for verification in waiting[: MOST_RUNNING_PER_TENANT - busy]:
        # While others of the tenant run, this one waits for its turn and not for a worker.
        if verification.requested_at < given_up_before and not busy:
            end_without_verdict(tenant_id, verification.pk, State.FAILED, failure="never_started")
        else:
            send_again(verification)


def _waiting(tenant_id: UUID) -> QuerySet[Verification]:
    """The tenant's queued verifications in the order of their turns."""
    queued = Verification.objects.filter(tenant_id=tenant_id, state=State.QUEUED)
    return queued.order_by("scheduled", "requested_at")


def _send(verification: Verification) -> None:
    current_app.send_task(
        "integrations.tasks.run_verification",
        args=[str(verification.tenant_id), str(verification.pk)],
        queue=SCHEDULED_QUEUE if verification.scheduled else QUEUE,
        expires=SENT_TASK_EXPIRES_SECONDS,
    )


def send_again(verification: Verification) -> None:
    """Send what is known to wait. With the queue away nothing is lost: `hand_back` comes again."""
    with suppress(OperationalError, OSError):
        _send(verification)


def _send_or_fail(verification: Verification) -> None:
    try:
        _send(verification)
    except (OperationalError, OSError):
        logger.exception("Verification %s could not be queued", verification.pk)
        end_without_verdict(verification.tenant_id, verification.pk, State.FAILED, failure="queue_unavailable")
        with tenant_scope(verification.tenant_id):
            verification.refresh_from_db()  # whoever asked for it has this object in hand


def new_lease() -> CombinedExpression:
    """The database's clock decides when a lease ends, since workers' clocks differ."""
    return Now() + timedelta(seconds=settings.VERIFICATION_LEASE_SECONDS)


def roles_to_look_at(connection: Connection, checks: str = Checks.ALL) -> list[CustomerRole]:
    """Not those of components that have left the catalogue: their component roles are gone as well. Reachability is
    asked of roles in use alone, since no session is opened in the others.
    """
    roles = [role for role in connection.roles.all() if role.status not in {Status.PAUSED, Status.REMOVED}]
    if checks == Checks.REACHABILITY:
        roles = [role for role in roles if role.status != Status.REMOVING and not role.quarantined]
    return [role for role in roles if catalogue().offers(role.component)]


def running(tenant_id: UUID) -> QuerySet[Verification]:
    """The verifications of the tenant that a worker holds."""
    return Verification.objects.filter(tenant_id=tenant_id, state=State.RUNNING, lease_expires_at__gt=Now())


def send_next(tenant_id: UUID) -> None:
    """A place of the tenant is free: send the verification whose turn it is."""
    with tenant_scope(tenant_id):
        waiting = _waiting(tenant_id).only("tenant_id", "scheduled").first()
    if waiting is not None:
        send_again(waiting)


def plan_next(connection: Connection, *, failed: bool) -> None:
    """Set when the connection is verified again by itself."""
    roles = list(connection.roles.all())
    if not connection.account_id or not roles:
        connection.next_verification_at = None
        connection.save(update_fields=["next_verification_at"])
        return
    leaving = max((role for role in roles if role.status == Status.REMOVING), key=_since, default=None)
    status = Status.REMOVING if leaving else worst([role.status for role in roles])
    connection.next_verification_at = next_verification(
        status,
        asked_at=leaving.status_since if leaving else connection.asked_at,
        now=timezone.now(),
        chance=random.random(),  # noqa: S311 — it spreads load, it protects nothing
        since=max((role.status_since for role in roles if role.status == status), default=None),
        confirming=any(role.is_confirming for role in roles),
        unconfirmed=any(role.is_unconfirmed for role in roles),
        failures=_failures_in_a_row(connection) + 1 if failed else 0,
    )
    connection.save(update_fields=["next_verification_at"])


def _since(role: CustomerRole) -> datetime:
    return role.status_since


def _failures_in_a_row(connection: Connection) -> int:
    """How many of the last verifications that have ended reached no verdict, by failures of ours."""
    ended = connection.verifications.filter(state__in=[State.COMPLETED, State.FAILED]).exclude(failure="out_of_use")
    last = ended.order_by("-requested_at").values_list("state", flat=True)[:LOOKED_BACK]
    return len(list(takewhile(lambda state: state == State.FAILED, last)))


def end_without_verdict(
    tenant_id: UUID, verification_id: UUID, state: str, *, failure: str, attempt: int | None = None
) -> None:
    """End an active verification without a verdict; with `attempt`, only if that claim is still the latest."""
    with tenant_scope(tenant_id):
        # The connection first, as whoever asks for a verification locks them.
        connection = (
            Connection.objects.select_for_update(of=["self"], no_key=True).filter(verifications=verification_id).first()
        )
        verification = Verification.objects.select_for_update(no_key=True).filter(pk=verification_id).first()
        if connection is None or verification is None or not verification.is_active:
            return
        if attempt not in {None, verification.attempt}:
            return
        verification.state, verification.failure = state, failure
        if verification.checks == Checks.ALL:
            plan_next(connection, failed=True)
        verification.finished_at = Now()
        verification.save(update_fields=["state", "failure", "finished_at"])
        transaction.on_commit(lambda: count_failure(failure))
        audit.record(
            f"verification:{state}",
            by=SYSTEM,
            tenant_id=tenant_id,
            target=verification,
            connection=str(verification.connection_id),
            failure=failure,
        )
