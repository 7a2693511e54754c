"""Mails to a tenant's people about changes of status: written with the change, sent later, never in a transaction.

A mail is a row. A worker claims it for one attempt, sends it, and notes that it went out. Where the mail server is away
the row stays and is tried again, ever more slowly, for three days. Where the worker is lost between sending and noting
it, nobody knows whether the mail went out: it is sent again, `MOST_UNANSWERED` times in all at the most.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import Any
from uuid import UUID

from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils import timezone

from integrations.actions.notification_messages import message_of
from integrations.actions.status_events import StatusEvent
from integrations.models import Notification, Status
from tenants.models import Member, NotificationAddress, Tenant
from tenants.permissions import Role
from tenants.scope import call, tenant_scope

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 50
MOST_UNANSWERED = 3
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)
DIGEST_HOUR = 6


class _NoAnswer(Exception):
    """The mail server cannot be reached, or has fallen silent."""


@dataclass(frozen=True)
class _Claim:
    """One attempt at a mail: of one notification, or of all that go out with it in the digest."""

    notifications: tuple[Notification, ...]
    message: EmailMultiAlternatives


def recipients(tenant_id: UUID) -> list[str]:
    """Whom a tenant's notifications go to: its owners and admins, and the addresses that were confirmed for it. The
    tenant's scope is open.
    """
    members = Member.objects.filter(tenant_id=tenant_id, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
    addresses = NotificationAddress.objects.filter(tenant_id=tenant_id, verified_at__isnull=False)
    return sorted({*members.values_list("user__email", flat=True), *addresses.values_list("email", flat=True)})


def queue_mails(event: StatusEvent) -> None:
    """Write a mail for each of the tenant's recipients; one verification writes one to each address, ever. With a daily
    digest it waits for the day's others, unless a role is unsafe.
    """
    now, tenant = timezone.now(), event.connection.tenant
    in_digest = tenant.daily_digest and all(told.after != Status.UNSAFE for told in event.told)
    Notification.objects.bulk_create(
        [
            Notification(
                tenant_id=event.connection.tenant_id,
                connection=event.connection,
                verification=event.verification,
                recipient=address,
                changes=[asdict(told) for told in event.told],
                due_at=next_digest(tenant, now) if in_digest else now,
                in_digest=in_digest,
            )
            for address in recipients(event.connection.tenant_id)
        ],
        ignore_conflicts=True,
    )


def next_digest(tenant: Tenant, now: datetime) -> datetime:
    """When the tenant's next digest goes out: at six, UTC, or up to an hour later, so that not all go at once."""
    at_six = now.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    due = at_six + timedelta(seconds=tenant.pk.int % 3600)
    return due if due > now else due + timedelta(days=1)


def send_due() -> int:
    """Send the mails that are due, one tenant's first before any tenant's second; how many went out.

    A server that gives no answer ends it, so that one that hangs holds one thread for one time-out (`EMAIL_TIMEOUT`).
    """
    due = call("due_notifications", MOST_AT_ONCE)
    if not due:
        return 0
    sent = 0
    server = get_connection()
    try:
        for tenant_id, notification_id in due:
            claim = _claim(tenant_id, notification_id)
            if claim is None:
                continue
            sent += _send(server, claim)
    except _NoAnswer:
        logger.warning("The mail server gives no answer; notifications are tried again", exc_info=True)
    finally:
        server.close()
    return sent


def _claim(tenant_id: UUID, notification_id: UUID) -> _Claim | None:
    """Take the mail for one attempt. Until its outcome is noted, the attempt counts as one of unknown outcome."""
    now = timezone.now()
    with tenant_scope(tenant_id):
        due = (
            Notification.objects.select_for_update(skip_locked=True, of=["self"])
            .select_related("connection")
            .filter(due_at__lte=now)
        )
        first = due.filter(pk=notification_id).first()
        if first is None:
            return None
        group = [first]
        if first.in_digest:
            group = list(due.filter(recipient=first.recipient, in_digest=True).order_by("created_at"))
        taken = tuple(one for one in group if _take(one, now))
        return _Claim(taken, message_of(taken)) if taken else None


def _take(notification: Notification, now: datetime) -> bool:
    """Count the attempt, and say when the next one is due; False where it is given up."""
    given_up = notification.unanswered >= MOST_UNANSWERED or now - notification.created_at > GIVEN_UP_AFTER
    if given_up:
        logger.error("The notification %s is given up after %d attempts", notification.pk, notification.attempts)
        notification.due_at = None
    else:
        notification.due_at = now + min(FIRST_WAIT * 2 ** min(notification.attempts, 10), LONGEST_WAIT)
        notification.attempts += 1
        notification.unanswered += 1
    notification.save(update_fields=["due_at", "attempts", "unanswered"])
    return not given_up


def _send(server: Any, claim: _Claim) -> bool:
    """Send one mail and note what became of it; whether it went out. No transaction is open meanwhile.

    Raises:
        _NoAnswer: the server cannot be reached, or has fallen silent.
    """
    try:
        server.open()
    except OSError as error:
        _note(claim)
        raise _NoAnswer from error
    try:
        server.send_messages([claim.message])
    except (SMTPResponseException, SMTPRecipientsRefused):
        first = claim.notifications[0]
        logger.warning("The mail server refused the notification %s", first.pk, exc_info=True)
        _note(claim)
        return False
    except OSError as error:  # it may have been taken before the line broke
        raise _NoAnswer from error
    _note(claim, sent_at=timezone.now(), due_at=None)
    return True


def _note(claim: _Claim, **outcome: Any) -> None:
    """Note what became of the attempt, whose outcome is known now."""
    with tenant_scope(claim.notifications[0].tenant_id):
        for one in claim.notifications:
            mine = Notification.objects.filter(pk=one.pk, attempts=one.attempts)
            mine.update(unanswered=one.unanswered - 1, **outcome)
