"""Mails that say what is left to do in a rotation of an external ID, from time to time until it has ended.

A rotation that stands still leaves a second external ID open, so people hear of it: after three days, at once when all
roles have moved and only the closing is left, and every week after. No transaction is open while a mail is sent.
"""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from integrations.actions.external_id_rotations import progress_of
from integrations.actions.notifications import recipients
from integrations.catalogue_file import catalogue
from integrations.models import ExternalIdRotation
from tenants import audit
from tenants.audit import SYSTEM
from tenants.mail import in_html_too
from tenants.scope import call, tenant_scope

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 50
EVERY = timedelta(days=7)
AGAIN_AFTER_FAILURE = timedelta(hours=1)
SENT_TASK_EXPIRES_SECONDS = 60


def send_reminder_tasks() -> int:
    """Send a task for each reminder that is due, one tenant's first before any tenant's second; how many."""
    due = call("due_rotation_reminders", MOST_AT_ONCE)
    for tenant_id, rotation_id in due:
        current_app.send_task(
            "integrations.tasks.remind_of_rotation",
            args=[str(tenant_id), str(rotation_id)],
            expires=SENT_TASK_EXPIRES_SECONDS,
        )
    return len(due)


def remind(*, tenant_id: UUID, rotation_id: UUID) -> bool:
    """Send the reminder of a rotation, if it is due; whether it went out. No scope is open.

    Until it is known to have gone out it is due again in an hour, so a lost worker loses none.
    """
    claimed = _claim(tenant_id, rotation_id)
    if claimed is None:
        return False
    addresses, subject, text = claimed
    try:
        for address in addresses:
            in_html_too(EmailMultiAlternatives(subject, text, to=[address])).send()
    except OSError:  # smtplib's errors are OSErrors
        logger.exception("The reminder of the rotation %s could not be sent", rotation_id)
        return False
    with tenant_scope(tenant_id):
        rotation = ExternalIdRotation.objects.select_for_update().filter(pk=rotation_id).first()
        if rotation is None or not rotation.is_open:
            return True
        rotation.next_reminder_at = timezone.now() + EVERY
        rotation.save(update_fields=["next_reminder_at"])
        audit.record(
            "external_id_rotation:reminded",
            by=SYSTEM,
            tenant_id=tenant_id,
            target=rotation,
            connection=str(rotation.connection_id),
        )
    return True


def _claim(tenant_id: UUID, rotation_id: UUID) -> tuple[list[str], str, str] | None:
    """The addresses, subject and text of a reminder that is due and that nobody else sends just now."""
    now = timezone.now()
    with tenant_scope(tenant_id):
        rotation = (
            ExternalIdRotation.objects.select_for_update(skip_locked=True, of=["self"])
            .select_related("connection")
            .filter(pk=rotation_id, next_reminder_at__lte=now, finished_at=None, cancelled_at=None)
            .first()
        )
        if rotation is None:
            return None
        rotation.next_reminder_at = now + AGAIN_AFTER_FAILURE
        rotation.save(update_fields=["next_reminder_at"])
        context = _context(rotation)
        # A name is the customer's own text: a line break in it must not become a header.
        name = " ".join(rotation.connection.name.split())
        subject = f"{name}: the external ID is still being replaced"
        return recipients(tenant_id), subject, render_to_string("integrations/email/rotation_reminder.txt", context)


def _context(rotation: ExternalIdRotation) -> dict[str, Any]:
    connection = rotation.connection
    _, progress = progress_of(connection=connection)
    is_closing = rotation.state == ExternalIdRotation.State.CLOSING
    left = [one for one in progress if not (one.previous_refused_at if is_closing else one.moved_at)]
    address = reverse("external_id_rotation", args=[connection.tenant_id, connection.pk])
    return {
        "connection": connection,
        "is_closing": is_closing,
        "product_name": catalogue().product_name,
        "roles": [f"{catalogue().name_of(one.role.component)} ({one.role.name})" for one in left],
        "address": f"{settings.BASE_URL}{address}",
    }
