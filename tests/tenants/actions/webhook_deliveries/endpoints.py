"""Endpoints, what is delivered to them, and how a receiver proves who sent it."""

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.models import Connection
from portal.local.services import ROOT
from tenants.actions.webhooks import create_endpoint
from tenants.audit import SYSTEM
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType


def add_endpoint(tenant, url, *event_types) -> tuple[WebhookEndpoint, str]:
    with tenant_scope(tenant.pk):
        return create_endpoint(
            tenant=tenant, url=url, event_types=event_types or [WebhookEventType.CONNECTION_CREATED], by=SYSTEM
        )


def add_connection(tenant, name="Production") -> Connection:
    with tenant_scope(tenant.pk):
        return create_connection(tenant=tenant, name=name, by=SYSTEM)


def deliveries(tenant) -> list[WebhookDelivery]:
    with tenant_scope(tenant.pk):
        return list(WebhookDelivery.objects.select_related("event", "endpoint").prefetch_related("attempts"))


def make_due(tenant, ago=timedelta()) -> None:
    """As if the wait were over, and the lease of a worker that is lost too."""
    with tenant_scope(tenant.pk):
        WebhookDelivery.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - ago)
        WebhookEndpoint.objects.update(leased_until=timezone.now() - timedelta(seconds=1))


def is_signed(asked, secret: str) -> bool:
    """Whether a receiver that knows the secret takes the call for ours: by the code that customers are given."""
    reference = (ROOT / "docs" / "reference" / "webhooks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", reference, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_ours"](asked.headers, asked.body, secret)
