"""Telling webhooks of statuses that are sure, as mails tell people of them."""

from dataclasses import asdict

from integrations.actions.status_events import StatusEvent
from tenants.audit import SYSTEM
from tenants.webhook_event_types import WebhookEventType
from tenants.webhook_events import queue_event


def queue_webhooks(event: StatusEvent) -> None:
    """Queue the event for the tenant's endpoints that ask for it."""
    connection = event.connection
    queue_event(
        WebhookEventType.CONNECTION_STATUS_CHANGED,
        tenant_id=connection.tenant_id,
        actor={"kind": SYSTEM.kind, "name": SYSTEM.name},
        target={"kind": "connection", "id": str(connection.pk)},
        details={
            "name": connection.name,
            "account_id": connection.account_id,
            "verification": str(event.verification.pk),
            "roles": [asdict(told) for told in event.told],
        },
    )
