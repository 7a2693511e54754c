"""Where the database goes away in the middle of a run, the run is done again and not ended without a verdict."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError
from django.db import connections as databases
from django.utils import timezone

from integrations.actions import (
    landing,
    sessions,
    vendor_identity,
    verification_claims,
    verification_runs,
    verifications,
)
from integrations.models import Session, Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.brokers import unread, use_broker
from tests.customer import connection_with_stack
from tests.environment import DATABASE
from tests.landing import store_all_while_it_runs
from tests.receipts import receipt


def end_this_connection(database) -> None:
    """As PostgreSQL does when it is stopped: whoever asks next on it finds it closed."""
    databases["default"].ensure_connection()
    pid = databases["default"].connection.info.backend_pid
    with psycopg.connect(database.url(DATABASE), autocommit=True) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.mark.parametrize(
    ("module", "where"),
    [
        (landing, "write_receipts"),  # while it runs
        (vendor_identity, "remember_roles"),  # as it ends
        (verification_runs, "still_ours"),
    ],
)
def test_a_run_whose_connection_ends_is_done_again_by_its_lease(
    db, cast, sandbox_address, broker, monkeypatch, module, where
) -> None:
    use_broker(monkeypatch, unread(broker))
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        asked = verifications.request_verification(connection=connection, by=SYSTEM)
    real: Callable[..., object] = getattr(module, where)
    calls = []

    def ends_in_the_middle(*args: object, **named: object) -> object:
        calls.append(args)
        if len(calls) == 1:
            end_this_connection(db)
        return real(*args, **named)

    monkeypatch.setattr(module, where, ends_in_the_middle)
    store_all_while_it_runs(monkeypatch)
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)
    with tenant_scope(cast.tenant.pk):
        left = Verification.objects.get(pk=asked.pk)
        Verification.objects.filter(state="running").update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    verifications.hand_back()
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)

    assert (left.state, left.failure) == ("running", "")
    with tenant_scope(cast.tenant.pk):
        done = Verification.objects.get(pk=asked.pk)
        ends = AuditEvent.objects.filter(target_id=str(asked.pk), action__startswith="system:verification:").exclude(
            action="system:verification:requested"
        )
        assert (done.state, done.attempt) == ("completed", 2)
        assert [event.action for event in ends] == ["system:verification:completed"]
        keys = list(Session.objects.values_list("access_key_id", flat=True))
        first_attempt = Session.objects.filter(opened_at__lt=done.started_at).count()
    assert len(keys) == len(set(keys))
    assert first_attempt > 0, "the sessions of the attempt that was lost have receipts too"


def test_receipts_that_cannot_be_kept_are_tried_again_and_then_named_in_the_log(cast, monkeypatch, caplog) -> None:
    tries = []

    def away(*_: object) -> None:
        tries.append(1)
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(sessions, "KEPT_AGAIN_AFTER", (0, 0))
    monkeypatch.setattr(sessions, "write_receipts", away)
    run = uuid4()
    opened_for = verification_claims.Claim(cast.tenant.pk, run, run, 1, "all", jobs=(), withheld=frozenset())

    sessions.keep_receipts(opened_for, [receipt(1)])

    assert len(tries) == 3
    assert receipt(1).access_key_id in caplog.text
