"""A verification is run under a lease, and by whoever holds it alone; a tenant holds a bounded share of the workers."""

import threading
import time
from datetime import timedelta

import pytest
import redis
from django.db import connections
from django.utils import timezone

from integrations.actions import landing, verification_runs, verifications
from integrations.actions.connections import create_connection
from integrations.actions.verification_claims import LeaseLost, claim_verification
from integrations.aws import report as aws_report
from integrations.models import Verification
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.brokers import unread, use_broker
from tests.customer import connection_with_stack
from tests.verifications import ask, wait_for

State = Verification.State


def test_a_message_that_comes_twice_does_not_disturb_the_run(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)
    verification = ask(connection)
    claim = claim_verification(cast.tenant.pk, verification.pk)
    finding = aws_report.Finding(
        check="permission",
        component="log-analysis",
        outcome=aws_report.Outcome.PASSED,
        cause="allowed",
        who=aws_report.Actor.NOBODY,
        title="x",
    )
    errors: list[Exception] = []
    until = time.monotonic() + 3

    def repeat(work) -> None:
        try:
            while time.monotonic() < until:
                work()
        except Exception as error:  # noqa: BLE001 — whatever it is, the test shows it
            errors.append(error)
        finally:
            connections.close_all()

    works = [
        lambda: landing.store_landed(claim, [finding]),
        lambda: claim_verification(cast.tenant.pk, verification.pk),
        lambda: claim_verification(cast.tenant.pk, verification.pk),
    ]
    threads = [threading.Thread(target=repeat, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_a_worker_that_lost_its_lease_writes_nothing_more(cast, monkeypatch) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="Production", account_id="222222222222", components=["log-analysis"], by=SYSTEM
        )
        verification = Verification.objects.create(tenant=cast.tenant, connection=connection, requested_by="x")
    claim = claim_verification(cast.tenant.pk, verification.pk)
    assert claim_verification(cast.tenant.pk, verification.pk) is None, "a lease that runs is respected"
    with tenant_scope(cast.tenant.pk):
        Verification.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    second = claim_verification(cast.tenant.pk, verification.pk)
    assert second is not None
    assert second.attempt == claim.attempt + 1

    with pytest.raises(LeaseLost):
        landing.store_landed(claim, [])
    with pytest.raises(LeaseLost):
        verification_runs._complete(claim, [], [])

    with tenant_scope(cast.tenant.pk):
        verification.refresh_from_db()
    assert verification.state == State.RUNNING


def test_a_tenant_has_a_bounded_share_of_the_workers_and_its_next_run_follows(cast, broker, monkeypatch) -> None:
    use_broker(monkeypatch, unread(broker))
    with tenant_scope(cast.tenant.pk):
        made = [
            create_connection(tenant=cast.tenant, name=f"Account {number}", account_id="222222222222", by=SYSTEM)
            for number in range(verifications.MOST_RUNNING_PER_TENANT + 1)
        ]
    with tenant_scope(cast.other_tenant.pk):
        other = create_connection(tenant=cast.other_tenant, name="Other", account_id="333333333333", by=SYSTEM)
    asked = [ask(connection) for connection in made]
    others = ask(other)
    *running, last = [claim_verification(cast.tenant.pk, verification.pk) for verification in asked]

    assert all(running)
    assert last is None, "the tenant has its share"
    assert claim_verification(cast.other_tenant.pk, others.pk) is not None, "another tenant does not wait for it"

    valkey = redis.from_url(unread(broker))
    valkey.delete(verifications.SCHEDULED_QUEUE)
    with tenant_scope(cast.tenant.pk):
        Verification.objects.filter(pk=asked[0].pk).update(state=State.QUEUED, lease_expires_at=None)
    monkeypatch.setattr(verification_runs, "_verify", lambda claim: ([], []))
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked[0].pk)
    assert valkey.llen(verifications.SCHEDULED_QUEUE) == 1, "the one that waits is sent as soon as a place is free"
    valkey.delete(verifications.SCHEDULED_QUEUE)
    valkey.close()


def test_a_running_worker_keeps_its_lease_beyond_its_length(cast, sandbox_address, worker) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])

    verification = ask(connection)

    wait_for(verification, State.COMPLETED)
    assert verification.attempt == 1
