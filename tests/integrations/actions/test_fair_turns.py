"""Nobody waits for another's hanging account, and a person not for what comes by itself. With real worker processes."""

import os
import signal
import subprocess
import sys
import time
from uuid import uuid4

import pytest
import redis
from django.db import OperationalError

from integrations.actions import verification_runs, verifications
from integrations.actions.verifications import MOST_RUNNING_PER_TENANT, QUEUE, SCHEDULED_QUEUE, request_verification
from integrations.models import Connection, Verification
from integrations.tasks import run_verification
from portal.local.commands import worker_command
from tenants.actions.tenants import create_tenant
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests import processes
from tests.brokers import unread, use_broker
from tests.customer import connection_with_stack, sandbox_control
from tests.verifications import ask

State = Verification.State
THREADS = 16


@pytest.fixture
def small_worker(db, broker, sandbox_address, monkeypatch):
    """A worker process with few threads and fewer database connections, on a queue of its own. It is killed in the end:
    its calls hang.
    """
    own = f"{broker}/7"
    use_broker(monkeypatch, own)
    environment = {"CELERY_BROKER_URL": own, "DATABASE_POOL_SIZE": "3"}
    with processes.celery_worker("small-worker", environment, concurrency=THREADS) as process:
        yield process
        process.send_signal(signal.SIGKILL)
    sandbox_control("faults", {"clear": True})


def hanging_connections(tenant: Tenant, number: int, calls: str) -> list[Connection]:
    """Connections whose accounts take calls and answer none: those of their own roles (`account`), or those into them
    as well (`target`), of which the first is AssumeRole.
    """
    made = []
    for _ in range(number):
        connection, account = connection_with_stack(tenant, components=["log-analysis"])
        sandbox_control("faults", {"kind": "timeout", calls: account.account_id, "seconds": 60})
        made.append(connection)
    return made


def states(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.pk):
        return list(Verification.objects.filter(tenant_id=tenant.pk).values_list("state", flat=True))


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("tenants", "calls"),
    [
        (3, "account"),
        (1, "target"),
        pytest.param(1, "account", marks=pytest.mark.nightly),
        pytest.param(3, "target", marks=pytest.mark.nightly),
    ],
)
def test_hanging_accounts_of_others_delay_nobody(cast, small_worker, tenants, calls) -> None:
    """More hanging connections than the worker has threads, of as many tenants as leave a share of the threads free."""
    more = [create_tenant(name=f"Slow {number}", owner=cast.owner, by=SYSTEM) for number in range(tenants - 1)]
    hanging = [cast.tenant, *more]
    each = (THREADS + 2) // tenants
    for connection in [one for tenant in hanging for one in hanging_connections(tenant, each, calls)]:
        ask(connection)
    share = verifications.MOST_RUNNING_PER_TENANT
    wait_until(lambda: all(states(tenant).count(State.RUNNING) == share for tenant in hanging))
    other, _ = connection_with_stack(cast.other_tenant, components=["log-analysis"])

    asked = ask(other)
    wait_until(lambda: states(cast.other_tenant) == [State.COMPLETED])

    for tenant in hanging:
        assert states(tenant).count(State.RUNNING) == share, "all that hung when it was asked for hangs still"
        assert states(tenant).count(State.QUEUED) == each - share
    with tenant_scope(cast.other_tenant.pk):
        asked.refresh_from_db()
        assert asked.attempt == 1


def test_a_run_that_gets_no_database_connection_is_tried_again(cast, monkeypatch) -> None:
    runs = []

    def run(**ids) -> None:
        runs.append(ids)
        if len(runs) == 1:
            raise OperationalError("couldn't get a connection after 5.00 sec")

    monkeypatch.setattr(verification_runs, "run", run)

    run_verification.apply(args=(str(cast.tenant.pk), str(uuid4())))

    assert len(runs) == 2
    assert runs[0] == runs[1]


@pytest.fixture
def valkey(broker, monkeypatch):
    """A broker that nobody reads."""
    use_broker(monkeypatch, unread(broker))
    client = redis.from_url(unread(broker))
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def test_what_nobody_waits_for_has_a_queue_of_its_own(cast, sandbox_address, valkey) -> None:
    scheduled, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    asked, _ = connection_with_stack(cast.tenant, components=["log-analysis"])

    with tenant_scope(cast.tenant.pk):
        request_verification(connection=scheduled, by=SYSTEM)
        request_verification(connection=asked, by=Actor.user(cast.owner))

    assert (valkey.llen(QUEUE), valkey.llen(SCHEDULED_QUEUE)) == (1, 1)


def test_what_follows_a_customers_asking_counts_as_asked_for(cast, sandbox_address, valkey) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        asked = request_verification(connection=connection, by=Actor.user(cast.owner))
        Verification.objects.filter(pk=asked.pk).update(state=State.COMPLETED)

    assert not ask(connection).scheduled


def test_a_person_overtakes_what_was_scheduled(cast, sandbox_address, valkey) -> None:
    first, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    second, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    ask(first)
    scheduled = ask(second)

    with tenant_scope(cast.tenant.pk):
        asked = request_verification(connection=second, by=Actor.user(cast.owner))

    assert asked.pk == scheduled.pk
    assert not asked.scheduled
    assert (valkey.llen(QUEUE), valkey.llen(SCHEDULED_QUEUE)) == (1, 2)
    valkey.flushdb()
    verifications.send_next(cast.tenant.pk)
    assert (valkey.llen(QUEUE), valkey.llen(SCHEDULED_QUEUE)) == (1, 0), "it is its tenant's next as well"
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked.pk)  # the first message comes after all
    with tenant_scope(cast.tenant.pk):
        asked.refresh_from_db()
    assert (asked.state, asked.attempt) == (State.COMPLETED, 1)


def test_a_worker_that_one_tenant_could_hold_whole_does_not_start(db, broker, sandbox_address) -> None:
    command = worker_command(sys.executable, concurrency=MOST_RUNNING_PER_TENANT)

    ended = subprocess.run(
        command,
        check=False,
        env=os.environ | {"CELERY_BROKER_URL": f"{broker}/7"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode != 0
    assert "Give --concurrency 5 or more" in ended.stdout + ended.stderr
