"""A message of the queue does nothing without a tenant, for one that is not there, or with what belongs to another."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from celery import current_app
from django.conf import settings
from django.db import connections
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.external_id_rotations import start_rotation
from integrations.models import ExternalIdRotation, Verification
from integrations.tasks import deliver_webhooks, remind_of_rotation, run_verification
from portal.local.commands import worker_command
from portal.local.services import ROOT
from tenants.actions.webhooks import create_endpoint, send_test_event
from tenants.audit import SYSTEM
from tenants.models import WebhookEndpoint
from tenants.scope import current_tenant, tenant_scope
from tenants.tasks import TenantTask
from tenants.webhook_event_types import WebhookEventType
from tests.environment import DATABASE

NOBODY = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def task() -> Any:
    """A task that notes what it was called with, and in which tenant."""
    seen: list[tuple[Any, ...]] = []

    class Noting(TenantTask):
        name = "tests.noting"

        def run(self, *ids) -> None:
            seen.append((*ids, current_tenant()))

    noting: Any = Noting()
    noting.seen = seen
    return noting


def test_it_runs_in_the_scope_of_its_tenant(cast, task) -> None:
    thing = uuid4()

    task(str(cast.tenant.pk), str(thing))

    assert task.seen == [(cast.tenant.pk, thing, cast.tenant.pk)]
    assert current_tenant() is None


@pytest.mark.parametrize(
    "message",
    [[], [None], [""], ["' OR true"], [7], [["x"]], [NOBODY], [NOBODY, NOBODY], ["TENANT", "x"]],
    ids=str,
)
def test_a_message_without_a_tenant_or_a_tampered_one_does_nothing(cast, task, message, caplog) -> None:
    ids = [str(cast.tenant.pk) if part == "TENANT" else part for part in message]

    task(*ids)

    assert task.seen == []
    assert "nothing is done" in caplog.text


def test_arguments_by_name_do_nothing(cast, task) -> None:
    task(str(cast.tenant.pk), tenant_id=str(cast.other_tenant.pk))

    assert task.seen == []


def test_another_tenants_verification_is_not_there(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        verification = Verification.objects.create(tenant=cast.tenant, connection=connection, requested_by="Test")

    run_verification(str(cast.other_tenant.pk), str(verification.pk))

    with tenant_scope(cast.tenant.pk):
        verification.refresh_from_db()
        assert (verification.state, verification.attempt) == ("queued", 0)


TOUCHED = (
    "integrations_verification",
    "integrations_externalidrotation",
    "tenants_webhookendpoint",
    "tenants_auditevent",
)


def rows_of_all(database) -> list[str]:
    with psycopg.connect(database.url(DATABASE)) as superuser:  # who sees every tenant's
        return [
            str(superuser.execute(f"SELECT * FROM {table}").fetchall()) for table in (*TOUCHED, "tenants_auditevent")
        ]


@pytest.mark.parametrize("task", [run_verification, deliver_webhooks, remind_of_rotation], ids=lambda task: task.name)
@pytest.mark.parametrize("whose", ["nobody's", "another tenant's"])
def test_a_task_that_opens_the_scope_itself_does_nothing_in_a_wrong_one(cast, db, task, whose, mailoutbox) -> None:
    lease, soon = uuid4(), timezone.now() + timedelta(minutes=1)
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        verification = Verification.objects.create(tenant=cast.tenant, connection=connection, requested_by="Test")
        rotation, _ = start_rotation(connection=connection, by=SYSTEM)
        ExternalIdRotation.objects.update(next_reminder_at=timezone.now() - timedelta(days=1))
        events = [WebhookEventType.CONNECTION_REMOVED]
        endpoint, _ = create_endpoint(
            tenant=cast.tenant, url="https://hooks.example.com/", event_types=events, by=SYSTEM
        )
        send_test_event(endpoint=endpoint, by=SYSTEM)
        WebhookEndpoint.objects.update(lease=lease, leased_until=soon)
    things = {run_verification: [verification.pk], deliver_webhooks: [endpoint.pk, lease]}.get(task, [rotation.pk])
    before, told = rows_of_all(db), len(mailoutbox)

    task(NOBODY if whose == "nobody's" else str(cast.other_tenant.pk), *map(str, things))

    assert rows_of_all(db) == before
    assert len(mailoutbox) == told


def test_a_verification_holds_no_transaction_open_while_it_calls_aws(cast, monkeypatch) -> None:
    open_meanwhile = []
    monkeypatch.setattr(
        "integrations.actions.verification_runs.run",
        lambda **_: open_meanwhile.append(connections["default"].in_atomic_block),
    )

    run_verification(str(cast.tenant.pk), str(uuid4()))

    assert open_meanwhile == [False]


def test_every_task_that_takes_a_tenant_is_a_tenant_task() -> None:
    current_app.loader.import_default_modules()
    ours = [task for name, task in current_app.tasks.items() if name.startswith(("tenants.", "integrations."))]

    of_the_vendor = {"integrations.tasks.examine_vendor"}  # takes an id, and of no tenant
    without = [
        task.name
        for task in ours
        if task.run.__code__.co_argcount and not isinstance(task, TenantTask) and task.name not in of_the_vendor
    ]

    assert ours
    assert without == []


def test_every_queue_has_a_worker() -> None:
    code = "\n".join(file.read_text() for app in ("integrations", "tenants") for file in (ROOT / app).rglob("*.py"))
    named = set(re.findall(r"""(?:queue=|_QUEUE(?:: \w+)? = )["'](\w+)["']""", code))
    named |= set(re.findall(r"Queue `(\w+)`", code))  # each task states its queue
    command = worker_command("python")
    read = set(command[command.index("--queues") + 1].split(","))
    documented = (ROOT / "docs" / "production.md").read_text()
    in_production = {queue for queues in re.findall(r"--queues ([\w,]+)", documented) for queue in queues.split(",")}

    assert settings.CELERY_TASK_DEFAULT_QUEUE in read
    assert len(named) > 1
    assert named <= read
    assert in_production == read


def test_what_beat_sends_is_a_task() -> None:
    current_app.loader.import_default_modules()

    sent = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert sent <= set(current_app.tasks)
