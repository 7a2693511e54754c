"""Sending what webhooks tell, at least once and one endpoint at a time.

A delivery is a row that is due. Beat looks for endpoints with something due and hands each to a worker by a lease. A
tenant holds two leases at the most: however many of its endpoints hang, the other threads are the other tenants'. The
worker sends one delivery after the other: it counts the attempt and plans the next one, closes the transaction, calls,
and then notes what came of it. A worker that is lost loses nothing: the lease ends, what is due is found again, and an
attempt whose outcome nobody noted is made again. The receiver knows a second copy by the event's id.
"""

import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from celery import current_app
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenants import audit
from tenants.actions.webhooks import end_waiting
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from tenants.names import is_readable
from tenants.notifications import tell
from tenants.outbound import Answer, OutboundError, exchange
from tenants.scope import call, let_go, tenant_scope
from tenants.secrets import unseal
from tenants.webhook_signature import signature_headers

logger = logging.getLogger(__name__)

QUEUE = "webhooks"
DELIVER_TASK = "integrations.tasks.deliver_webhooks"
MOST_AT_ONCE = 200  # endpoints that are handed out at once
MOST_LEASED_PER_TENANT = 2
DEADLINE_SECONDS = 10.0  # of one attempt
TURN_SECONDS = 30.0  # how long one worker goes on with one endpoint
LEASE = timedelta(seconds=60)  # of an endpoint; longer than an attempt with the time to note it
MESSAGE_SECONDS = 30  # a message that is older finds the lease too short
# Waits after the first failure, the second, and so on: about 28 hours in all. Each is spread by up to a fifth, so that
# what failed together is not tried again together.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600))
SPREAD = 0.2
MOST_TRIES = len(WAITS) + 1
# Who answers with one of these may say by Retry-After when to come again; no longer than the longest wait of our own.
ASKS_TO_WAIT = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
LONGEST_ASKED_WAIT = WAITS[-1]
DISABLED_AFTER = timedelta(days=5)
ANSWER_BYTES = 1000  # that are kept
KEPT = timedelta(days=30)
MOST_FORGOTTEN = 1000  # events at once

State = WebhookDelivery.State


@dataclass(frozen=True)
class _Claim:
    """One attempt, with all that it needs while no transaction is open."""

    delivery: WebhookDelivery
    event: WebhookEvent
    url: str
    signing_secrets: list[str]


def hand_out_due() -> int:
    """Give endpoints with something due to workers, to each tenant's no more than its share; how many were."""
    handed_out = 0
    for tenant_id, endpoint_id in call("due_webhook_endpoints", MOST_AT_ONCE):
        lease = uuid4()
        with tenant_scope(tenant_id):
            if not _take(tenant_id, endpoint_id, lease):
                continue
        # No transaction is open. A message that is lost leaves a lease that ends.
        current_app.send_task(
            DELIVER_TASK,
            [str(tenant_id), str(endpoint_id), str(lease)],
            queue=QUEUE,
            expires=MESSAGE_SECONDS,
        )
        handed_out += 1
    return handed_out


def deliver(*, tenant_id: UUID, endpoint_id: UUID, lease: UUID) -> int:
    """Send what is due to one endpoint, the oldest first, until nothing is or the turn is over; how many attempts were
    made. A lease that is not held (any more) does nothing. No scope is open.
    """
    ours = uuid4()  # so that a message that comes twice finds the lease taken
    with tenant_scope(tenant_id):
        if not _held(endpoint_id, lease).update(lease=ours, leased_until=timezone.now() + LEASE):
            return 0
    ends_at, attempts = time.monotonic() + TURN_SECONDS, 0
    while time.monotonic() < ends_at:
        claim = _claim(tenant_id, endpoint_id, ours)
        if claim is None:
            break
        let_go()
        _note(claim, ours, *_send(claim))
        attempts += 1
    with tenant_scope(tenant_id):
        # The time stays: the next turn is that of the endpoint whose last one is longest ago.
        _held(endpoint_id, ours).update(lease=None, leased_until=timezone.now())
    return attempts


def forget_old_events() -> int:
    """Delete events older than `KEPT`, with their deliveries; how many were deleted."""
    old = call("old_webhook_events", timezone.now() - KEPT, MOST_FORGOTTEN)
    by_tenant: dict[UUID, list[UUID]] = {}
    for tenant_id, event_id in old:
        by_tenant.setdefault(tenant_id, []).append(event_id)
    for tenant_id, event_ids in by_tenant.items():
        with tenant_scope(tenant_id):
            WebhookEvent.objects.filter(tenant_id=tenant_id, pk__in=event_ids).delete()
    return len(old)


def wait_after(tries: int) -> timedelta:
    """How long to wait after this many attempts, spread at random."""
    return WAITS[tries - 1] * (1 + random.uniform(-SPREAD, SPREAD))  # noqa: S311 — it spreads load and hides nothing


def asked_wait(answer: Answer | None) -> timedelta:
    """How long a receiver asks us to wait before we call it again: nothing where it does not, or where we cannot read
    what it says (RFC 9110, 10.2.3: seconds, or a date).
    """
    text = answer.headers.get("retry-after", "").strip() if answer and answer.status in ASKS_TO_WAIT else ""
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), LONGEST_ASKED_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):  # a year of twenty digits is none that Python's parser knows
        return timedelta()
    wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - datetime.now(UTC)
    return max(timedelta(), min(wait, LONGEST_ASKED_WAIT))


def _take(tenant_id: UUID, endpoint_id: UUID, lease: UUID) -> bool:
    """Lease the endpoint, unless it is held or its tenant has its share; whether it was leased. The scope is open."""
    # One at a time, or two could both see the last free place. Nobody waits for the lock: all tenants would.
    if not Tenant.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=tenant_id).values_list("pk"):
        return False
    now = timezone.now()
    # One that is switched off counts: its worker may be calling it still.
    if WebhookEndpoint.objects.filter(tenant_id=tenant_id, leased_until__gt=now).count() >= MOST_LEASED_PER_TENANT:
        return False
    found = WebhookEndpoint.objects.select_for_update(skip_locked=True, no_key=True).filter(
        tenant_id=tenant_id, pk=endpoint_id, enabled=True
    )
    endpoint = found.exclude(leased_until__gt=now).first()
    if endpoint is None:
        return False
    endpoint.lease, endpoint.leased_until = lease, now + LEASE
    endpoint.save(update_fields=["lease", "leased_until"])
    return True


def _held(endpoint_id: UUID, lease: UUID) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(pk=endpoint_id, lease=lease, leased_until__gt=timezone.now())


def _claim(tenant_id: UUID, endpoint_id: UUID, lease: UUID) -> _Claim | None:
    """The oldest delivery that is due, with the attempt counted and, for when its outcome stays unknown, another one
    planned for the end of the lease; None where there is none, or the endpoint is not ours to serve any more.
    """
    now = timezone.now()
    with tenant_scope(tenant_id):
        endpoint = _held(endpoint_id, lease).select_for_update(no_key=True).filter(enabled=True).first()
        if endpoint is None:
            return None
        due = endpoint.deliveries.filter(due_at__lte=now)
        # Attempts whose workers were all lost count as well, so that what kills a worker is not tried for ever.
        due.filter(tries__gte=MOST_TRIES).update(state=State.FAILED, due_at=None)
        delivery = due.select_related("event").order_by("due_at").first()
        if delivery is None:
            return None
        delivery.tries += 1
        delivery.due_at = now + LEASE
        delivery.save(update_fields=["tries", "due_at"])
        endpoint.leased_until = now + LEASE
        endpoint.save(update_fields=["leased_until"])
        live = endpoint.secrets.exclude(expires_at__lte=now).order_by("-created_at")
        return _Claim(delivery, delivery.event, endpoint.url, [unseal(secret.sealed_secret) for secret in live])


def _send(claim: _Claim) -> tuple[Answer | None, str, int]:
    """Call the endpoint once: its answer or why there was none, and how long it took in ms."""
    body, started = claim.event.body.encode(), time.monotonic()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Rolebridge-Webhooks",
        **signature_headers(claim.event.pk, int(time.time()), body, claim.signing_secrets),
    }
    answer, error = None, ""
    try:
        answer = exchange(
            "POST",
            claim.url,
            headers=headers,
            body=body,
            deadline_seconds=DEADLINE_SECONDS,
            most_bytes=ANSWER_BYTES,
        )
    except OutboundError as refusal:
        error = str(refusal)
    return answer, error, round((time.monotonic() - started) * 1000)


def _note(claim: _Claim, lease: UUID, answer: Answer | None, error: str, duration_ms: int) -> None:
    """Write the attempt down, and what becomes of the delivery and of its endpoint."""
    now = timezone.now()
    is_delivered = answer is not None and 200 <= answer.status < 300
    is_gone = answer is not None and answer.status == HTTPStatus.GONE
    wait = asked_wait(answer)
    with tenant_scope(claim.delivery.tenant_id):
        # Whoever changes the two locks the endpoint first.
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=claim.delivery.endpoint_id).first()
        delivery = WebhookDelivery.objects.select_for_update().filter(pk=claim.delivery.pk).first()
        if endpoint is None or delivery is None:
            return  # deleted meanwhile
        WebhookAttempt.objects.create(
            tenant_id=delivery.tenant_id,
            delivery=delivery,
            at=now,
            duration_ms=duration_ms,
            status=answer.status if answer else None,
            error=error[:200],
            answer=_readable(answer.body) if answer else "",
        )
        # Asked for once more while it was under way, or another worker's by now: then it stays as it was put.
        is_ours = endpoint.lease == lease and delivery.state == State.WAITING and delivery.tries == claim.delivery.tries
        if is_ours:
            if is_delivered:
                delivery.state, delivery.due_at = State.DELIVERED, None
            elif is_gone or delivery.tries >= MOST_TRIES:
                delivery.state, delivery.due_at = State.FAILED, None
            else:
                delivery.due_at = now + max(wait_after(delivery.tries), wait)
            delivery.save(update_fields=["state", "due_at"])
        if wait:  # it asks us to wait, and not one event
            endpoint.deliveries.filter(due_at__lt=now + wait).update(due_at=now + wait)
        if is_delivered and endpoint.failing_since is not None:
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=None)
        elif not is_delivered:
            _note_failure(endpoint, is_gone=is_gone, by=SYSTEM)


@transaction.atomic
def _note_failure(endpoint: WebhookEndpoint, *, is_gone: bool, by: Actor) -> None:
    """Remember since when an endpoint fails; switch it off, and say so, once that is too long or it says it is gone."""
    now = timezone.now()
    endpoint.failing_since = endpoint.failing_since or now
    if endpoint.enabled and is_gone:
        _switch_off(endpoint, WebhookEndpoint.DisabledBy.GONE, "webhook_gone", by=by)
    elif endpoint.enabled and now - endpoint.failing_since >= DISABLED_AFTER:
        _switch_off(endpoint, WebhookEndpoint.DisabledBy.FAILURES, "webhook_disabled", by=by, days=DISABLED_AFTER.days)
    endpoint.save(update_fields=["failing_since", "enabled", "disabled_by"])


def _switch_off(
    endpoint: WebhookEndpoint, disabled_by: WebhookEndpoint.DisabledBy, mail: str, *, by: Actor, **context: Any
) -> None:
    """Tell an endpoint nothing any more, and its tenant why. The caller saves it."""
    endpoint.enabled, endpoint.disabled_by = False, disabled_by
    end_waiting(endpoint)
    host = urlsplit(endpoint.url).netloc  # the rest of an address may hold a key
    tell(Tenant.objects.get(pk=endpoint.tenant_id), mail, endpoint=endpoint, host=host, **context)
    audit.record(
        "webhook_endpoint:disabled",
        by=by,
        tenant_id=endpoint.tenant_id,
        target=endpoint,
        reason=disabled_by.value,
        failing_since=endpoint.failing_since.isoformat() if endpoint.failing_since else None,
    )


def _readable(body: bytes) -> str:
    """The bytes as text that the database keeps; shown escaped, like all text of others."""
    text = body.decode("utf-8", errors="replace")
    return text if is_readable(text) else text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
