"""Which events an endpoint is told of, and what each of them says."""

import json

from django.db import transaction

from integrations.actions.connections import create_connection
from integrations.actions.pausing import pause
from portal.local.services import ROOT
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.reports import found
from tests.tenants.actions.webhook_deliveries.endpoints import add_connection, add_endpoint, deliveries


def test_the_reference_names_every_event() -> None:
    reference = (ROOT / "docs" / "reference" / "webhooks.md").read_text()

    assert [kind for kind in [*WebhookEventType.values, "webhook.test"] if f"`{kind}`" not in reference] == []


class TestWhatIsTold:
    def test_an_event_is_sent_once_with_who_did_what_to_what(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, f"{server.address}/hooks?key=1")
        connection = add_connection(cast.tenant)

        assert work() == 1
        assert work() == 0

        (asked,) = server.asked
        body = json.loads(asked.body)
        assert (asked.method, asked.path) == ("POST", "/hooks?key=1")
        assert asked.headers["content-type"] == "application/json"
        assert body["type"] == "connection.created"
        assert body["data"]["tenant_id"] == str(cast.tenant.pk)
        assert body["data"]["target"] == {"kind": "connection", "id": str(connection.pk)}
        assert body["data"]["actor"] == {"kind": "system", "name": "Rolebridge"}
        (delivery,) = deliveries(cast.tenant)
        (attempt,) = delivery.attempts.all()
        assert (delivery.state, delivery.due_at) == ("delivered", None)
        assert (attempt.status, attempt.answer, attempt.error) == (200, "thanks", "")

    def test_an_endpoint_is_told_of_what_it_asks_for_and_of_nothing_else(self, cast, server, work) -> None:
        add_endpoint(
            cast.tenant, server.address, WebhookEventType.CONNECTION_PAUSED, WebhookEventType.API_TOKEN_CREATED
        )
        connection = add_connection(cast.tenant)
        with tenant_scope(cast.tenant.pk):
            pause(connection=connection, by=SYSTEM)
            create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)

        work()

        assert [json.loads(asked.body)["type"] for asked in server.asked] == ["connection.paused", "api_token.created"]

    def test_a_status_that_is_sure_is_told_with_the_roles(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address, WebhookEventType.CONNECTION_STATUS_CHANGED)
        connection = add_connection(cast.tenant)

        for _ in range(2):
            found(connection, log_analysis="passed")
        work()

        (asked,) = server.asked
        details = json.loads(asked.body)["data"]["details"]
        assert details["roles"] == [{"component": "log-analysis", "before": "", "after": "connected"}]

    def test_another_tenants_events_are_not_told(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)

        add_connection(cast.other_tenant)

        assert work() == 0
        assert deliveries(cast.other_tenant) == []

    def test_what_is_rolled_back_is_not_told(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)

        with tenant_scope(cast.tenant.pk):
            create_connection(tenant=cast.tenant, name="Never", by=SYSTEM)
            transaction.set_rollback(True)

        assert work() == 0
        assert deliveries(cast.tenant) == []
