"""A worker that is lost loses nothing, and no endpoint is called by two of them."""

import threading
import time
from uuid import uuid4

import pytest
from django.db import connections

from tenants import outbound
from tenants.actions import webhook_deliveries
from tenants.actions.webhook_deliveries import MOST_TRIES, deliver, hand_out_due
from tenants.models import WebhookDelivery
from tenants.scope import tenant_scope
from tests.processes import celery_worker
from tests.tenants.actions.webhook_deliveries.endpoints import add_connection, add_endpoint, deliveries, make_due
from tests.web_servers import answering


class TestLostWorkers:
    def test_a_worker_that_is_lost_in_the_middle_loses_nothing(
        self, cast, server, work, sent_tasks, monkeypatch
    ) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        def lost(_claim) -> None:
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(webhook_deliveries, "_send", lost)
            with pytest.raises(SystemExit):
                work()
        assert work() == 0  # it is still held
        make_due(cast.tenant)

        assert work() == 1

        (delivery,) = deliveries(cast.tenant)
        assert (delivery.state, delivery.tries) == ("delivered", 2)

    def test_what_kills_every_worker_is_given_up(self, cast, server, work, monkeypatch) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        with tenant_scope(cast.tenant.pk):
            WebhookDelivery.objects.update(tries=MOST_TRIES)

        assert work() == 0

        (delivery,) = deliveries(cast.tenant)
        assert delivery.state == "failed"
        assert server.asked == []

    def test_a_message_that_comes_twice_or_late_does_nothing(self, cast, server, sent_tasks) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        hand_out_due()
        ((tenant_id, endpoint_id, lease),) = sent_tasks

        attempts = [deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease) for _ in range(2)]
        add_connection(cast.tenant, "Another")
        attempts.append(deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease))
        attempts.append(deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=uuid4()))

        assert attempts == [1, 0, 0, 0]

    def test_another_tenants_endpoint_is_not_served(self, cast, server, sent_tasks) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        hand_out_due()
        ((_, endpoint_id, lease),) = sent_tasks

        assert deliver(tenant_id=cast.other_tenant.pk, endpoint_id=endpoint_id, lease=lease) == 0

    def test_an_endpoint_that_is_held_is_not_handed_out_again(self, cast, server, sent_tasks) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        assert [hand_out_due(), hand_out_due()] == [1, 0]

    def test_no_transaction_is_open_while_it_is_called(self, cast, server, work, monkeypatch) -> None:
        open_ones = []
        real = outbound.exchange

        def exchange(*args, **named):
            open_ones.append(connections["default"].in_atomic_block)
            return real(*args, **named)

        monkeypatch.setattr(webhook_deliveries, "exchange", exchange)
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        work()

        assert open_ones == [False]


def test_worker_and_beat_deliver_what_a_killed_worker_left(cast, server, monkeypatch, beat, broker) -> None:
    """The whole way: beat finds what is due, a worker is killed in the middle of a call, and another one delivers."""
    monkeypatch.undo()  # tasks are sent
    arrived, ended = threading.Event(), threading.Event()

    def hang(_asked, _handler) -> None:
        arrived.set()
        ended.wait(20)

    server.answer = hang
    add_endpoint(cast.tenant, server.address)
    with celery_worker("doomed") as doomed:
        add_connection(cast.tenant)
        assert arrived.wait(20), "beat and worker did not call"
        doomed.kill()
        doomed.wait()
    server.answer = answering(200)
    ended.set()
    make_due(cast.tenant)

    with celery_worker("second"):
        ends_at = time.monotonic() + 30
        while deliveries(cast.tenant)[0].state != "delivered" and time.monotonic() < ends_at:
            time.sleep(0.2)

    (delivery,) = deliveries(cast.tenant)
    assert (delivery.state, delivery.tries) == ("delivered", 2)
    assert len({(asked.headers["webhook-id"], asked.body) for asked in server.asked}) == 1
