"""A rotation that stands still is told of, and nothing of it is lost with a mail server."""

import time
from datetime import timedelta
from smtplib import SMTPServerDisconnected

from celery import current_app
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.external_id_rotations import cancel_rotation, start_rotation
from integrations.actions.rotation_reminders import EVERY, remind
from integrations.models import ExternalIdRotation
from tenants.audit import SYSTEM
from tenants.models import Tenant
from tenants.scope import call, tenant_scope


def rotating(tenant: Tenant, name: str, *, due: timedelta = timedelta(0)) -> ExternalIdRotation:
    with tenant_scope(tenant.pk):
        connection = create_connection(tenant=tenant, name=name, components=["log-analysis"], by=SYSTEM)
        rotation, _ = start_rotation(connection=connection, by=SYSTEM)
        rotation.next_reminder_at = timezone.now() - due
        rotation.save()
        return rotation


def read(rotation: ExternalIdRotation) -> ExternalIdRotation:
    with tenant_scope(rotation.tenant_id):
        return ExternalIdRotation.objects.get(pk=rotation.pk)


def test_the_first_comes_after_three_days_and_none_once_it_has_ended(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
        rotation, _ = start_rotation(connection=connection, by=SYSTEM)
        first = rotation.next_reminder_at
        cancelled = cancel_rotation(connection=connection, by=SYSTEM)

    assert first is not None
    assert timedelta(days=2.9) < first - timezone.now() < timedelta(days=3.1)
    assert cancelled.next_reminder_at is None


def test_it_names_the_roles_that_are_left_and_goes_out_once_a_week(cast) -> None:
    rotation = rotating(cast.tenant, "Production\nBcc: everybody@example.com")

    sent = [remind(tenant_id=cast.tenant.pk, rotation_id=rotation.pk) for _ in range(2)]

    assert sent == [True, False]
    assert [to for message in mail.outbox for to in message.to] == ["admin@example.com", "owner@example.com"]
    assert mail.outbox[0].subject == "Production Bcc: everybody@example.com: the external ID is still being replaced"
    assert "Log analysis (rolebridge-" in mail.outbox[0].body
    assert f"/connections/{rotation.connection_id}/external-id-rotation/" in mail.outbox[0].body
    ((html, kind),) = mail.outbox[0].alternatives  # type: ignore[attr-defined]  # the stubs know plain messages alone
    assert kind == "text/html"
    assert "Log analysis (rolebridge-" in html
    assert '/external-id-rotation/">http' in html
    following = read(rotation).next_reminder_at
    assert following is not None
    assert following - timezone.now() > EVERY - timedelta(minutes=1)


def test_it_is_due_again_in_an_hour_where_the_mail_server_is_away(cast, monkeypatch) -> None:
    rotation = rotating(cast.tenant, "Production")

    def away(*_: object) -> int:
        raise SMTPServerDisconnected("gone")

    monkeypatch.setattr(EmailBackend, "send_messages", away)

    assert remind(tenant_id=cast.tenant.pk, rotation_id=rotation.pk) is False
    following = read(rotation).next_reminder_at
    assert following is not None
    assert timedelta(minutes=50) < following - timezone.now() <= timedelta(hours=1)


def test_no_transaction_is_open_while_a_mail_is_sent(cast, monkeypatch) -> None:
    rotation = rotating(cast.tenant, "Production")
    open_meanwhile = []
    monkeypatch.setattr(
        EmailBackend, "send_messages", lambda *_: open_meanwhile.append(connections["default"].in_atomic_block)
    )

    remind(tenant_id=cast.tenant.pk, rotation_id=rotation.pk)

    assert open_meanwhile == [False, False]


def test_one_tenants_first_comes_before_anothers_second(cast) -> None:
    oldest = rotating(cast.tenant, "One", due=timedelta(days=3))
    older = rotating(cast.tenant, "Two", due=timedelta(days=2))
    other = rotating(cast.other_tenant, "Three", due=timedelta(days=1))

    due = [rotation_id for _, rotation_id in call("due_rotation_reminders", 50)]

    assert due == [oldest.pk, other.pk, older.pk]


def test_a_worker_sends_it(cast, worker) -> None:
    rotation = rotating(cast.tenant, "Production")

    following = rotation.next_reminder_at
    current_app.send_task("integrations.tasks.remind_of_rotations")  # as beat does every minute
    ends_at = timezone.now() + timedelta(seconds=90)
    while (following or timezone.now()) < timezone.now() + timedelta(days=1) and timezone.now() < ends_at:
        following = read(rotation).next_reminder_at
        time.sleep(0.2)

    assert following is not None
    assert following > timezone.now() + timedelta(days=1)
