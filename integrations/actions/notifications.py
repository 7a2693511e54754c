"""Mails to a tenant's people about changes of status: written with the change, sent later, never in a transaction.

A mail is a row. A worker claims it for one attempt, sends it, and notes that it went out. Where the mail server is away
the row stays and is tried again, ever more slowly, for three days. Where the worker is lost between sending and noting
it, nobody knows whether the mail went out: it is sent again, `MOST_UNANSWERED` times in all at the most.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from integrations.actions.status_events import StatusEvent
from integrations.catalogue_file import catalogue
from integrations.models import Finding, Notification, Status
from tenants.models import Member, NotificationAddress
from tenants.permissions import Role
from tenants.scope import call, tenant_scope

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 50
MOST_UNANSWERED = 3
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)
MOST_PROBLEMS = 10

# What each status asks of whoever reads the mail.
_MEANING = {
    Status.CONNECTED: "The access works, and it is closed to everybody else. There is nothing to do.",
    Status.DEGRADED: "We get in, and it is safe, but some permission is missing or blocked.",
    Status.UNREACHABLE: "We cannot get in any more.",
    Status.UNSAFE: "The role lets callers in that it must refuse. We do not use it until that is put right.",
    Status.REMOVED: "AWS refuses us: the access is gone.",
}


class _NoAnswer(Exception):
    """The mail server cannot be reached, or has fallen silent."""


@dataclass(frozen=True)
class _Claim:
    """One attempt at a mail, with what was read for it while the tenant's scope was open."""

    notification: Notification
    problems: list[dict[str, str]]


def recipients(tenant_id: UUID) -> list[str]:
    """Whom a tenant's notifications go to: its owners and admins, and the addresses that were confirmed for it. The
    tenant's scope is open.
    """
    members = Member.objects.filter(tenant_id=tenant_id, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
    addresses = NotificationAddress.objects.filter(tenant_id=tenant_id, verified_at__isnull=False)
    return sorted({*members.values_list("user__email", flat=True), *addresses.values_list("email", flat=True)})


def queue_mails(event: StatusEvent) -> None:
    """Write a mail for each of the tenant's recipients; one verification writes one to each address, ever."""
    Notification.objects.bulk_create(
        [
            Notification(
                tenant_id=event.connection.tenant_id,
                connection=event.connection,
                verification=event.verification,
                recipient=address,
                changes=[asdict(told) for told in event.told],
                due_at=timezone.now(),
            )
            for address in recipients(event.connection.tenant_id)
        ],
        ignore_conflicts=True,
    )


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
        notification = (
            Notification.objects.select_for_update(skip_locked=True, of=["self"])
            .select_related("connection")
            .filter(pk=notification_id, due_at__lte=now)
            .first()
        )
        if notification is None:
            return None
        given_up = notification.unanswered >= MOST_UNANSWERED or now - notification.created_at > GIVEN_UP_AFTER
        if given_up:
            logger.error("The notification %s is given up after %d attempts", notification.pk, notification.attempts)
            notification.due_at = None
        else:
            notification.due_at = now + min(FIRST_WAIT * 2 ** min(notification.attempts, 10), LONGEST_WAIT)
            notification.attempts += 1
            notification.unanswered += 1
        notification.save(update_fields=["due_at", "attempts", "unanswered"])
        return None if given_up else _Claim(notification, _problems(notification))


def _send(server: Any, claim: _Claim) -> bool:
    """Send one mail and note what became of it; whether it went out. No transaction is open meanwhile.

    Raises:
        _NoAnswer: the server cannot be reached, or has fallen silent.
    """
    notification = claim.notification
    try:
        server.open()
    except OSError as error:
        _note(notification, unanswered=notification.unanswered - 1)
        raise _NoAnswer from error
    try:
        server.send_messages([_message(claim)])
    except (SMTPResponseException, SMTPRecipientsRefused):
        logger.warning("The mail server refused the notification %s", notification.pk, exc_info=True)
        _note(notification, unanswered=notification.unanswered - 1)
        return False
    except OSError as error:  # it may have been taken before the line broke
        raise _NoAnswer from error
    _note(notification, unanswered=notification.unanswered - 1, sent_at=timezone.now(), due_at=None)
    return True


def _note(notification: Notification, **outcome: Any) -> None:
    with tenant_scope(notification.tenant_id):
        Notification.objects.filter(pk=notification.pk, attempts=notification.attempts).update(**outcome)


def _message(claim: _Claim) -> EmailMultiAlternatives:
    notification = claim.notification
    connection = notification.connection
    after = [Status(change["after"]) for change in notification.changes]
    address = reverse("connection", args=[connection.tenant_id, connection.pk])
    context = {
        "connection": connection,
        "product_name": catalogue().product_name,
        "address": f"{settings.BASE_URL}{address}",
        "changes": [
            {"name": catalogue().name_of(change["component"]), "status": Status(change["after"]).label}
            for change in notification.changes
        ],
        "meanings": list(dict.fromkeys(_MEANING[status] for status in after)),
        "problems": claim.problems,
    }
    # A name is the customer's own text: a line break in it must not become a header.
    name = " ".join(connection.name.split())
    words = ", ".join(dict.fromkeys(str(status.label).lower() for status in after))
    message = EmailMultiAlternatives(
        subject=f"{name}: {words}",
        body=render_to_string("integrations/email/status_changed.txt", context),
        to=[notification.recipient],
        # The same for each attempt, so that a mail that does go out twice is known for one.
        headers={"Message-ID": f"<{notification.pk}@{urlsplit(settings.BASE_URL).hostname}>"},
    )
    message.attach_alternative(render_to_string("integrations/email/status_changed.html", context), "text/html")
    return message


def _problems(notification: Notification) -> list[dict[str, str]]:
    """What somebody must act on, once each, without AWS's own words, which may name the organisation's policies."""
    found = (
        Finding.objects.filter(
            verification_id=notification.verification_id,
            component__in=[change["component"] for change in notification.changes],
            outcome__in=[Finding.Outcome.DENIED, Finding.Outcome.VIOLATED],
        )
        .exclude(who=Finding.Who.NOBODY)
        .values_list("who", "title", "fix")
    )
    return [
        {"who": str(Finding.Who(who).label), "title": title, "fix": fix}
        for who, title, fix in list(dict.fromkeys(found))[:MOST_PROBLEMS]
    ]
