"""The forms that make something, as a browser without JavaScript sends them: with the CSRF token of their page."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.test import Client

from integrations.actions.connections import create_connection
from integrations.models import Connection, HandOffLink
from tenants.actions.webhooks import create_endpoint
from tenants.audit import SYSTEM
from tenants.models import (
    ApiToken,
    AuditEvent,
    Invitation,
    NotificationAddress,
    ServiceToken,
    Tenant,
    TenantDomain,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)
from tenants.scope import installation_scope, staff_scope, tenant_scope
from tenants.webhook_event_types import WebhookEventType

URL = "https://hooks.example.com/"
ENDPOINT = {"url": URL, "event_types": ["connection.removed"]}


@dataclass(frozen=True)
class MakingForm:
    """A form, what it makes, and the audit event of that."""

    page: str
    model: type[Model]
    event: str
    data: dict[str, Any] = field(default_factory=dict)
    sent_to: str = ""  # where it is not the page itself
    by_staff: bool = False

    def made(self, tenant: Tenant) -> int:
        """How many the tenant has; of staff's things how many there are."""
        with installation_scope() if self.by_staff else tenant_scope(tenant.pk):
            return self.model._default_manager.count()

    def events(self) -> int:
        """How often that was audited."""
        with staff_scope():
            return AuditEvent.objects.filter(action__endswith=f":{self.event}").count()


HOOK = "/tenants/{tenant}/settings/webhooks/{endpoint}/"
FORMS = {
    "connection": MakingForm(
        "/tenants/{tenant}/connections/new/", Connection, "connection:created", {"name": "Staging"}
    ),
    "API token": MakingForm(
        "/tenants/{tenant}/api-tokens/",
        ApiToken,
        "api_token:created",
        {"name": "Pipeline", "scopes": ["read"], "days": "90"},
    ),
    "hand-off link": MakingForm(
        "/tenants/{tenant}/connections/{connection}/hand-off/", HandOffLink, "hand_off_link:created", {"days": "7"}
    ),
    "webhook endpoint": MakingForm(
        "/tenants/{tenant}/settings/webhooks/new/", WebhookEndpoint, "webhook_endpoint:created", ENDPOINT
    ),
    "webhook secret": MakingForm(HOOK, WebhookSecret, "webhook_endpoint:secret_rotated", sent_to=f"{HOOK}rotate/"),
    "test event": MakingForm(HOOK, WebhookDelivery, "webhook_endpoint:tested", sent_to=f"{HOOK}test/"),
    "invitation": MakingForm(
        "/tenants/{tenant}/members/invite/",
        Invitation,
        "invitation:created",
        {"email": "new@example.com", "role": "viewer"},
    ),
    "notification address": MakingForm(
        "/tenants/{tenant}/settings/",
        NotificationAddress,
        "notification_address:added",
        {"email": "new@example.com"},
        sent_to="/tenants/{tenant}/settings/notification-addresses/",
    ),
    "domain": MakingForm(
        "/tenants/{tenant}/settings/single-sign-on/",
        TenantDomain,
        "domain:added",
        {"domain": "example.org", "mailbox": "admin"},
        sent_to="/tenants/{tenant}/settings/single-sign-on/domains/",
    ),
    "service token": MakingForm(
        "/admin/tenants/servicetoken/make/",
        ServiceToken,
        "service_token:created",
        {"name": "Product", "days": "30", "reason": "It needs one."},
        by_staff=True,
    ),
}


@dataclass(frozen=True)
class Shown:
    """A form as one browser was shown it."""

    address: str
    data: dict[str, Any]

    def sent_by(self, browser: Client, **changed: str) -> Any:
        """What the browser is answered."""
        return browser.post(self.address, self.data | changed)


def show(form: MakingForm, browser: Client, things: dict[str, UUID]) -> Shown:
    """The form in a page that the browser asks for now."""
    page = browser.get(form.page.format(**things)).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    return Shown((form.sent_to or form.page).format(**things), {**form.data, "csrfmiddlewaretoken": token})


def things_of(tenant: Tenant) -> dict[str, UUID]:
    """What the pages of the forms speak of, by the names that their addresses have for it."""
    with tenant_scope(tenant.pk):
        connection = create_connection(tenant=tenant, name="Production", by=SYSTEM)
        endpoint, _ = create_endpoint(
            tenant=tenant, url=URL, event_types=[WebhookEventType.CONNECTION_REMOVED], by=SYSTEM
        )
    return {"tenant": tenant.pk, "connection": connection.pk, "endpoint": endpoint.pk}
