"""What stands in the mails about changes of status: one change, or the digest of a day. As text and as HTML."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.catalogue_file import catalogue
from integrations.models import Connection, Finding, Notification, Status
from integrations.readers_language import in_readers_language

MOST_PROBLEMS = 10

# What each status asks of whoever reads the mail.
_MEANING = {
    Status.CONNECTED: gettext_lazy("The access works, and it is closed to everybody else. There is nothing to do."),
    Status.DEGRADED: gettext_lazy("We get in, and it is safe, but some permission is missing or blocked."),
    Status.UNREACHABLE: gettext_lazy("We cannot get in any more."),
    Status.UNSAFE: gettext_lazy(
        "The role lets callers in that it must refuse. We do not use it until that is put right."
    ),
    Status.REMOVED: gettext_lazy("AWS refuses us: the access is gone."),
}


def message_of(notifications: Sequence[Notification]) -> EmailMultiAlternatives:
    """The mail for these notifications, which have one recipient, oldest first; the tenant's scope is open."""
    first = notifications[0]
    template = "digest" if first.in_digest else "status_changed"
    subject, context = _digest(notifications) if first.in_digest else _change(first)
    context |= {
        "subject": subject,
        "product_name": catalogue().product_name,
        "footer": _(
            "Sent by the access portal of %s to the owners, admins and notification addresses of your organisation."
        )
        % catalogue().product_name,
    }
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"integrations/email/{template}.txt", context),
        to=[first.recipient],
        # The same for each attempt, so that a mail that does go out twice is known for one.
        headers={"Message-ID": f"<{first.pk}@{urlsplit(settings.BASE_URL).hostname}>"},
    )
    message.attach_alternative(render_to_string(f"integrations/email/{template}.html", context), "text/html")
    return message


def _change(notification: Notification) -> tuple[str, dict[str, Any]]:
    connection = notification.connection
    after = [Status(change["after"]) for change in notification.changes]
    words = ", ".join(dict.fromkeys(str(status.label).lower() for status in after))
    # A name is the customer's own text: a line break in it must not become a header.
    subject = f"{' '.join(connection.name.split())}: {words}"
    return subject, {
        "connection": connection,
        "address": _address(connection),
        "changes": _named({change["component"]: change["after"] for change in notification.changes}),
        "meanings": list(dict.fromkeys(_MEANING[status] for status in after)),
        "problems": _problems(notification),
    }


def _digest(notifications: Sequence[Notification]) -> tuple[str, dict[str, Any]]:
    """The last of each role's statuses, connection by connection."""
    connections: dict[Any, Connection] = {}
    latest: dict[Any, dict[str, str]] = {}
    for one in notifications:
        connections[one.connection_id] = one.connection
        known = latest.setdefault(one.connection_id, {})
        known |= {change["component"]: change["after"] for change in one.changes}
    entries = [
        {"connection": connections[pk], "changes": _named(changes), "address": _address(connections[pk])}
        for pk, changes in latest.items()
    ]
    words = ngettext("%s connection has changed", "%s connections have changed", len(entries))
    return words % intcomma(len(entries)), {"entries": entries}


def _named(changes: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"name": catalogue().name_of(component), "status": str(Status(after).label)}
        for component, after in changes.items()
    ]


def _address(connection: Connection) -> str:
    return f"{settings.BASE_URL}{reverse('connection', args=[connection.tenant_id, connection.pk])}"


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
        {"who": str(Finding.Who(who).label), "title": in_readers_language(title), "fix": in_readers_language(fix)}
        for who, title, fix in list(dict.fromkeys(found))[:MOST_PROBLEMS]
    ]
