"""What people do with an endpoint and its deliveries, and what is forgotten with time."""

import json
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from tenants.actions.webhook_deliveries import forget_old_events
from tenants.actions.webhooks import (
    EndpointDisabled,
    change_endpoint,
    delete_endpoint,
    replay_delivery,
    send_test_event,
)
from tenants.audit import SYSTEM
from tenants.models import WebhookEvent
from tenants.scope import tenant_scope
from tests.tenants.actions.webhook_deliveries.endpoints import add_connection, add_endpoint, deliveries
from tests.web_servers import answering


class TestByHand:
    def test_a_delivery_is_sent_once_more_with_the_same_id(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        work()
        (delivery,) = deliveries(cast.tenant)
        with tenant_scope(cast.tenant.pk):
            replay_delivery(delivery=delivery, by=SYSTEM)

        assert work() == 1

        assert len({asked.headers["webhook-id"] for asked in server.asked}) == 1
        assert len(server.asked) == 2

    def test_a_test_event_goes_to_one_endpoint_alone(self, cast, server, work) -> None:
        endpoint, _ = add_endpoint(cast.tenant, f"{server.address}/one")
        add_endpoint(cast.tenant, f"{server.address}/two")
        with tenant_scope(cast.tenant.pk):
            send_test_event(endpoint=endpoint, by=SYSTEM)

        work()

        (asked,) = server.asked
        assert (asked.path, json.loads(asked.body)["type"]) == ("/one", "webhook.test")

    def test_one_that_is_switched_off_is_told_nothing_and_keeps_nothing(self, cast, server, work) -> None:
        endpoint, _ = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant, "Waits")
        with tenant_scope(cast.tenant.pk):
            change_endpoint(endpoint=endpoint, enabled=False, by=SYSTEM)
        add_connection(cast.tenant, "Never told")

        assert work() == 0

        (delivery,) = deliveries(cast.tenant)
        assert delivery.state == "failed"
        for act in (
            lambda: send_test_event(endpoint=endpoint, by=SYSTEM),
            lambda: replay_delivery(delivery=delivery, by=SYSTEM),
        ):
            with tenant_scope(cast.tenant.pk), pytest.raises(EndpointDisabled):
                act()
        with tenant_scope(cast.tenant.pk):
            change_endpoint(endpoint=endpoint, enabled=True, by=SYSTEM)
            replay_delivery(delivery=delivery, by=SYSTEM)
        assert work() == 1

    def test_one_that_is_deleted_while_it_is_called_leaves_nothing(self, cast, server, work) -> None:
        endpoint, _ = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        def answer(asked, handler) -> None:
            with tenant_scope(cast.tenant.pk):
                delete_endpoint(endpoint=endpoint, by=SYSTEM)
            connections["default"].close()
            answering(200)(asked, handler)

        server.answer = answer

        assert work() == 1
        assert deliveries(cast.tenant) == []

    def test_old_events_are_forgotten(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant, "Long ago")
        add_connection(cast.tenant, "Now")
        work()
        with tenant_scope(cast.tenant.pk):
            old = WebhookEvent.objects.order_by("created_at").first()
            WebhookEvent.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))

        assert forget_old_events() == 1

        assert len(deliveries(cast.tenant)) == 1
