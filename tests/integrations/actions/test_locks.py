"""Who asks for a verification and who runs it lock the same rows in one order, to the end of their transactions."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import psycopg
from django.db import connections as databases
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.verifications import request_verification
from integrations.models import Session, Verification
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.brokers import unread, use_broker
from tests.environment import DATABASE
from tests.receipts import open_session

PATIENCE = 20


def wait_until_somebody_waits(database) -> None:
    until = time.monotonic() + PATIENCE
    with psycopg.connect(database.url(DATABASE), autocommit=True) as superuser:
        while not superuser.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.02)


def test_a_worker_that_stores_a_receipt_and_somebody_who_asks_again_do_not_lock_each_other_out(
    db, cast, broker, monkeypatch
) -> None:
    use_broker(monkeypatch, unread(broker))
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="123456789012", by=SYSTEM)
        verification = request_verification(connection=connection, by=SYSTEM)

    def ask_again() -> UUID:
        with tenant_scope(cast.tenant.pk):
            asked = request_verification(connection=connection, by=SYSTEM)
        databases["default"].close()
        return asked.pk

    with ThreadPoolExecutor(1) as threads:
        with tenant_scope(cast.tenant.pk):
            open_session(verification)
            Verification.objects.filter(pk=verification.pk).update(
                lease_expires_at=timezone.now() + timedelta(minutes=1)
            )
            answer = threads.submit(ask_again)
            wait_until_somebody_waits(db)

        assert answer.result(PATIENCE) == verification.pk
    with tenant_scope(cast.tenant.pk):
        assert Session.objects.count() == 1
