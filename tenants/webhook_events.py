"""Writing what webhooks will tell: rows, in the transaction of what happened, so that an event is neither lost nor told
of what did not happen. `tenants.actions.webhook_deliveries` sends them later.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from tenants.audit_actions import AuditAction
from tenants.models import AuditEvent, WebhookDelivery, WebhookEndpoint, WebhookEvent
from tenants.webhook_event_types import WebhookEventType, event_type_of


def queue_event(
    event_type: WebhookEventType,
    *,
    tenant_id: UUID,
    actor: dict[str, str],
    target: dict[str, str],
    details: dict[str, Any],
) -> None:
    """Queue an event for each of the tenant's endpoints that asks for it. The tenant's scope is open.

    Args:
        event_type: what happened.
        tenant_id: whose.
        actor: who acted, `kind` and `name`.
        target: what it happened to, `kind` and `id`.
        details: what else there is to say, as JSON values.
    """
    endpoints = list(
        WebhookEndpoint.objects.filter(tenant_id=tenant_id, enabled=True, event_types__contains=[event_type.value])
    )
    if endpoints:
        data = {"tenant_id": tenant_id, "actor": actor, "target": target, "details": details}
        queue_to(endpoints, event_type.value, tenant_id=tenant_id, data=data)


def queue_audit_event(event: AuditEvent) -> None:
    """Queue what webhooks tell of an audit event, if anything. The tenant's scope is open."""
    event_type = event_type_of(AuditAction(event.action.partition(":")[2]))
    if event_type is not None and event.tenant_id is not None:
        queue_event(
            event_type,
            tenant_id=event.tenant_id,
            actor={"kind": event.actor_kind, "name": event.actor_name},
            target={"kind": event.target_kind, "id": event.target_id},
            details=event.data,
        )


def queue_to(
    endpoints: Iterable[WebhookEndpoint], event_type: str, *, tenant_id: UUID, data: dict[str, Any]
) -> list[WebhookDelivery]:
    """Write one event and its delivery to each of these endpoints."""
    now = timezone.now()
    event = WebhookEvent.objects.create(
        tenant_id=tenant_id, event_type=event_type, created_at=now, body=_body(event_type, now, data)
    )
    return WebhookDelivery.objects.bulk_create(
        WebhookDelivery(tenant_id=tenant_id, event=event, endpoint=endpoint, created_at=now, due_at=now)
        for endpoint in endpoints
    )


def _body(event_type: str, at: datetime, data: dict[str, Any]) -> str:
    """The body as it is signed and sent, each time the same bytes."""
    body = {"type": event_type, "timestamp": at, "data": data}
    return json.dumps(body, cls=DjangoJSONEncoder, separators=(",", ":"))
