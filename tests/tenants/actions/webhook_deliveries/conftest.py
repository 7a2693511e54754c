"""A receiver of webhooks, and what is handed to workers, which none of them takes by itself."""

from uuid import UUID

import pytest
from celery import current_app

from tenants.actions import webhook_deliveries
from tenants.actions.webhook_deliveries import deliver, hand_out_due
from tests.brokers import unread, use_broker
from tests.web_servers import answering, web_server


@pytest.fixture(autouse=True)
def sent_tasks(broker, monkeypatch) -> list[tuple[UUID, UUID, UUID]]:
    """What was handed to workers; no worker takes it."""
    use_broker(monkeypatch, unread(broker))
    sent: list[tuple[UUID, UUID, UUID]] = []

    def send_task(name, args=(), **_):
        if name == webhook_deliveries.DELIVER_TASK:
            tenant_id, endpoint_id, lease = (UUID(text) for text in args)
            sent.append((tenant_id, endpoint_id, lease))

    monkeypatch.setattr(current_app, "send_task", send_task)
    return sent


@pytest.fixture
def work(sent_tasks):
    """Hand out what is due, and do it; gives how many attempts were made."""

    def do() -> int:
        sent_tasks.clear()
        hand_out_due()
        return sum(deliver(tenant_id=one, endpoint_id=two, lease=three) for one, two, three in sent_tasks)

    return do


@pytest.fixture
def server():
    with web_server(answering(200, b"thanks")) as running:
        yield running
