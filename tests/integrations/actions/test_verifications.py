"""Verifications are asked for once, and what cannot be queued or never starts is ended."""

from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from integrations.actions import verifications
from integrations.actions.connections import create_connection
from integrations.actions.verification_claims import claim_verification
from integrations.models import Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.brokers import AWAY, unread, use_broker
from tests.verifications import ask, wait_for

State = Verification.State


def test_asking_twice_gives_one_run(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)

    first, second = ask(connection), ask(connection)

    assert first.pk == second.pk
    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.filter(action="system:verification:requested").count() == 1


@pytest.mark.parametrize(
    ("changes", "message"), [({"account_id": ""}, "12-digit id"), ({"components": []}, "at least one component")]
)
def test_what_is_missing_is_said_before_anything_is_queued(cast, changes, message) -> None:
    with tenant_scope(cast.tenant.pk):
        values = {"account_id": "222222222222", "components": None} | changes
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM, **values)

    with pytest.raises(verifications.NotReady, match=message):
        ask(connection)

    with tenant_scope(cast.tenant.pk):
        assert not Verification.objects.exists()


def test_with_the_queue_away_a_verification_fails_at_once_and_hangs_nowhere(cast, monkeypatch) -> None:
    use_broker(monkeypatch, AWAY)
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)

    verification = ask(connection)

    wait_for(verification, State.FAILED, seconds=1)
    assert verification.failure == "queue_unavailable"


def test_a_message_that_was_lost_is_sent_again_and_what_never_starts_is_ended(cast, broker, monkeypatch) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)
    use_broker(monkeypatch, unread(broker))
    verification = ask(connection)
    valkey = redis.from_url(unread(broker))
    valkey.delete(verifications.SCHEDULED_QUEUE)

    def queued_for(delay: timedelta) -> None:
        with tenant_scope(cast.tenant.pk):
            Verification.objects.filter(pk=verification.pk).update(requested_at=timezone.now() - delay)
        verifications.hand_back()

    queued_for(timedelta(minutes=1))
    assert valkey.llen(verifications.SCHEDULED_QUEUE) == 1
    valkey.delete(verifications.SCHEDULED_QUEUE)
    queued_for(timedelta(minutes=11))
    assert valkey.llen(verifications.SCHEDULED_QUEUE) == 0
    valkey.close()

    wait_for(verification, State.FAILED, seconds=1)
    assert verification.failure == "never_started"


def test_with_the_queue_away_what_was_tried_enough_is_still_ended(cast, monkeypatch) -> None:
    made = []
    for tenant in (cast.tenant, cast.other_tenant):
        with tenant_scope(tenant.pk):
            connection = create_connection(tenant=tenant, name="Production", account_id="222222222222", by=SYSTEM)
        verification = ask(connection)
        claim_verification(tenant.pk, verification.pk)
        with tenant_scope(tenant.pk):
            Verification.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        made.append((connection, verification))
    for connection, verification in made[1:]:
        with tenant_scope(connection.tenant_id):
            Verification.objects.filter(pk=verification.pk).update(attempt=verifications.MOST_ATTEMPTS)
    use_broker(monkeypatch, AWAY)

    verifications.hand_back()

    wait_for(made[0][1], State.RUNNING, seconds=1)
    wait_for(made[1][1], State.FAILED, seconds=1)
    assert made[1][1].failure == "worker_lost"
