"""A worker that is told to stop finishes what it runs, or hands it back; nothing waits for a lease to run out."""

import signal
from collections.abc import Iterator

import pytest

from integrations.actions import verification_runs, verifications
from integrations.models import Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests import processes
from tests.brokers import use_broker
from tests.customer import connection_with_stack, sandbox_control
from tests.verifications import wait_for

PATIENCE = 90  # seconds, of a test that waits for another process on a busy machine


@pytest.fixture
def alone(broker) -> dict[str, str]:
    """Queues of their own, or a worker that another test has started would take what is handed back."""
    return {"CELERY_BROKER_URL": f"{broker}/5"}


@pytest.fixture
def slow_verification(cast, sandbox_address, alone, monkeypatch) -> Iterator[Verification]:
    """A verification whose calls each take seconds, and that a worker can take."""
    use_broker(monkeypatch, alone["CELERY_BROKER_URL"])
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    sandbox_control("faults", {"kind": "latency", "seconds": 3, "account": account.account_id})
    with tenant_scope(cast.tenant.pk):
        asked = verifications.request_verification(connection=connection, by=SYSTEM)
    yield asked
    sandbox_control("faults", {"clear": True})


def test_what_can_end_within_the_grace_ends_and_nothing_is_done_twice(slow_verification, alone) -> None:
    with processes.celery_worker("stopping", alone | {"WORKER_GRACE_SECONDS": "60"}) as worker:
        wait_for(slow_verification, "running", seconds=PATIENCE)
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(PATIENCE)

    ended = wait_for(slow_verification, "completed", "failed", seconds=PATIENCE)
    assert (status, ended.state, ended.attempt) == (0, "completed", 1)


def test_what_cannot_is_handed_back_at_once_and_another_worker_ends_it(slow_verification, alone) -> None:
    with processes.celery_worker("stopping", alone | {"WORKER_GRACE_SECONDS": "1"}) as worker:
        wait_for(slow_verification, "running", seconds=PATIENCE)
        worker.send_signal(signal.SIGTERM)
        handed_back = wait_for(slow_verification, "queued", seconds=PATIENCE)
        lease, attempt = handed_back.lease_expires_at, handed_back.attempt
        status = worker.wait(PATIENCE)
    sandbox_control("faults", {"clear": True})
    with processes.celery_worker("next", alone):
        ended = wait_for(slow_verification, "completed", "failed", seconds=PATIENCE)

    with tenant_scope(ended.tenant_id):
        ends = AuditEvent.objects.filter(action="system:verification:completed", target_id=str(ended.pk)).count()
        controls = ended.findings.filter(check_code="trust.control").count()
    assert (status, lease, attempt) == (0, None, 1)
    assert (ended.state, ended.attempt, ends, controls) == ("completed", 2, 1, 1)


def test_a_worker_that_stops_takes_nothing_new(slow_verification, monkeypatch) -> None:
    monkeypatch.setattr("integrations.actions.verification_claims.is_stopping", lambda: True)

    verification_runs.run(tenant_id=slow_verification.tenant_id, verification_id=slow_verification.pk)

    with tenant_scope(slow_verification.tenant_id):
        slow_verification.refresh_from_db()
    assert (slow_verification.state, slow_verification.attempt) == ("queued", 0)
