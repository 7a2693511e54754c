"""A worker that is lost at any point leaves nothing stuck, and no transaction is open while AWS hangs."""

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from integrations.actions import (
    landing,
    role_jobs,
    role_statuses,
    verification_claims,
    verification_runs,
    verifications,
)
from integrations.actions.connections import create_connection
from integrations.models import Connection, Verification
from tenants import audit
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests import processes
from tests.brokers import unread, use_broker
from tests.customer import connection_with_stack, sandbox_control
from tests.environment import DATABASE
from tests.landing import store_all_while_it_runs
from tests.receipts import receipt
from tests.verifications import ask, findings, statuses, wait_for

State = Verification.State


class Killed(BaseException):
    """What ends a worker as SIGKILL does: nothing of the project catches it, and PostgreSQL rolls back what is open."""


POINTS: dict[str, tuple[object, str, bool]] = {
    "before the first call": (verification_runs, "_verify", False),
    "before what landed is stored": (verification_runs, "store_landed", False),
    "after what landed is stored": (verification_runs, "store_landed", True),
    "before it is turned into statuses": (verification_runs, "_complete", False),
    "among the statuses": (role_statuses, "apply_reports", True),
    "before the next one is planned": (verification_runs, "plan_next", False),
    "before the transaction ends": (audit, "record", True),
    "once it has ended": (verification_runs, "_complete", True),
}


def kill_at(monkeypatch, module: object, name: str, *, after: bool) -> None:
    """Kill whoever comes by there, once."""
    real: Callable[..., object] = getattr(module, name)

    def killed(*args: object, **kwargs: object) -> object:
        monkeypatch.setattr(module, name, real)
        if after:
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(module, name, killed)


def connection_asked_for(cast, broker, monkeypatch) -> tuple[Connection, Verification]:
    """A connection whose role is deployed, and a verification of it that no worker takes."""
    use_broker(monkeypatch, unread(broker))
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        asked = verifications.request_verification(connection=connection, by=SYSTEM)
    return connection, asked


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_lost_at_any_point_leaves_nothing_stuck(cast, sandbox_address, broker, monkeypatch, point) -> None:
    connection, asked = connection_asked_for(cast, broker, monkeypatch)
    module, name, after = POINTS[point]
    kill_at(monkeypatch, module, name, after=after)
    store_all_while_it_runs(monkeypatch)
    with pytest.raises(Killed):
        verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)

    with tenant_scope(cast.tenant.pk):
        Verification.objects.filter(state="running").update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    verifications.hand_back()
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)

    with tenant_scope(cast.tenant.pk):
        asked.refresh_from_db()
        role = connection.roles.get()
        ends = AuditEvent.objects.filter(action="system:verification:completed", target_id=str(asked.pk)).count()
        controls = asked.findings.filter(check_code="trust.control").count()
        keys = list(asked.sessions.values_list("access_key_id", flat=True))
        planned = Connection.objects.get(pk=connection.pk).next_verification_at
    assert (asked.state, ends, role.passes, controls) == ("completed", 1, 1, 1)
    assert len(keys) == len(set(keys))
    assert planned is not None


def test_receipts_of_a_run_that_was_lost_are_kept(cast, sandbox_address, broker, monkeypatch) -> None:
    _, asked = connection_asked_for(cast, broker, monkeypatch)
    kill_at(monkeypatch, verification_runs, "_complete", after=False)
    store_all_while_it_runs(monkeypatch)

    with pytest.raises(Killed):
        verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)

    with tenant_scope(cast.tenant.pk):
        purposes = set(asked.sessions.values_list("purpose", flat=True))
    assert {"verification", "trust_test"} <= purposes


def test_what_was_found_can_be_read_where_an_error_of_ours_ends_the_run(
    cast, sandbox_address, broker, monkeypatch
) -> None:
    _, asked = connection_asked_for(cast, broker, monkeypatch)
    monkeypatch.setattr(verification_runs, "STORED_EVERY_SECONDS", 60)  # all lands last

    def fails(**_: object) -> None:
        raise RuntimeError("an error of ours")

    monkeypatch.setattr(role_statuses, "apply_reports", fails)
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)

    with tenant_scope(cast.tenant.pk):
        asked.refresh_from_db()
        found = asked.findings.filter(check_code="trust.control").count()
        keys = list(asked.sessions.values_list("access_key_id", flat=True))
    assert (asked.state, asked.failure, found) == ("failed", "internal_error", 1)
    assert keys
    assert len(keys) == len(set(keys))


def test_what_landed_last_leaves_its_receipts_when_the_lease_was_lost(cast, broker, monkeypatch) -> None:
    _, asked = connection_asked_for(cast, broker, monkeypatch)
    claim = verification_claims.claim_verification(cast.tenant.pk, asked.pk)
    assert claim is not None
    with tenant_scope(cast.tenant.pk):
        Verification.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert verification_claims.claim_verification(cast.tenant.pk, asked.pk) is not None

    last = receipt(1)
    with pytest.raises(verification_claims.LeaseLost):
        verification_runs._complete(claim, [], [last])

    with tenant_scope(cast.tenant.pk):
        assert [one.access_key_id for one in asked.sessions.all()] == [last.access_key_id]


def test_no_receipt_is_lost_when_a_run_is_given_up(cast, sandbox_address, broker, monkeypatch) -> None:
    _, asked = connection_asked_for(cast, broker, monkeypatch)
    claim = verification_claims.claim_verification(cast.tenant.pk, asked.pk)
    assert claim is not None
    place, landed = landing.Landing(claim), [receipt(number) for number in range(4)]

    for one in (landed[0], None, landed[1]):  # None: the run of a role has ended
        place.put(one)
    assert place.take(0) == landed[:1]
    place.put(landed[2])
    place.give_up()
    late = threading.Thread(target=place.put, args=[landed[3]])
    late.start()
    late.join()

    with tenant_scope(cast.tenant.pk):
        assert set(asked.sessions.values_list("access_key_id", flat=True)) == {one.access_key_id for one in landed[1:]}


def test_no_transaction_is_open_while_aws_is_called(cast, monkeypatch) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="Production", account_id="222222222222", components=["log-analysis"], by=SYSTEM
        )
    open_transactions = []

    def spy(*args, **kwargs):
        open_transactions.append(connections["default"].in_atomic_block)
        with connections["staff"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")
            open_transactions.append(cursor.fetchone() != (0,))
        connections["staff"].close()
        raise RuntimeError("an error of ours")

    monkeypatch.setattr(role_jobs, "verify_role", spy)

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert open_transactions == [False, False]
    assert (verification.state, verification.failure) == (State.FAILED, "internal_error")
    assert statuses(connection) == {"log-analysis": "awaiting"}, "a failure of ours is no verdict"


def test_no_transaction_is_open_while_aws_hangs(cast, db, sandbox_address, worker) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    sandbox_control("faults", {"kind": "latency", "seconds": 2, "account": account.account_id, "count": 60})
    with tenant_scope(cast.tenant.pk):
        asked = verifications.request_verification(connection=connection, by=SYSTEM)
    seen_running, oldest = 0, 0.0

    with psycopg.connect(db.url(DATABASE), autocommit=True) as superuser:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with tenant_scope(cast.tenant.pk):
                asked.refresh_from_db()
            if not asked.is_active:
                break
            seen_running += asked.state == "running"
            (age,) = superuser.execute(
                "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity"
                " WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
            ).fetchone()
            oldest = max(oldest, float(age))
            time.sleep(0.1)
    sandbox_control("faults", {"clear": True})

    assert seen_running > 10, "it was looked at while AWS hung"
    assert oldest < 2, "none was open as long as one call took"


def test_a_worker_killed_in_mid_verification_loses_nothing(cast, broker, sandbox_address, monkeypatch) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis", "compute-analysis"])
    # Queues of their own, or a worker that another test has started would help.
    alone = f"{broker}/8"
    use_broker(monkeypatch, alone)
    environment = {"VERIFICATION_LEASE_SECONDS": "3", "CELERY_BROKER_URL": alone}
    # Slow enough to be killed in the middle, bounded so that nothing after it is slow.
    sandbox_control("faults", {"kind": "latency", "seconds": 2, "account": connection.account_id, "count": 40})
    with processes.celery_worker("first-worker", environment) as first:
        verification = ask(connection)
        wait_for(verification, State.RUNNING)
        while not findings(verification):
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    sandbox_control("faults", {"clear": True})
    assert wait_for(verification, State.RUNNING).attempt == 1

    with processes.celery_beat(environment), processes.celery_worker("second-worker", environment):
        wait_for(verification, State.COMPLETED, seconds=40)

    assert verification.attempt == 2
    with tenant_scope(cast.tenant.pk):
        assert set(connection.roles.values_list("passes", flat=True)) <= {1, 2}, "each passed, and counts as passed"
    with tenant_scope(cast.tenant.pk):
        ends = AuditEvent.objects.filter(action="system:verification:completed", target_id=str(verification.pk))
        assert ends.count() == 1
        controls = verification.findings.filter(check_code="trust.no_external_id")
        assert controls.count() == 2, "what the lost attempt had found is gone, not doubled"
