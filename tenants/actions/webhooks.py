"""Webhook endpoints: added, changed, tested, deleted; their secrets; and deliveries that are sent once more."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import audit, limits
from tenants.audit import Actor
from tenants.models import Tenant, WebhookDelivery, WebhookEndpoint, WebhookSecret
from tenants.outbound import Refused, check_url
from tenants.secrets import seal
from tenants.webhook_event_types import TEST, WebhookEventType
from tenants.webhook_events import queue_to
from tenants.webhook_signature import new_signing_secret

# How long a secret goes on signing beside the one that took its place.
OVERLAP = timedelta(hours=24)
MOST_TESTS_AN_HOUR = 30

State = WebhookDelivery.State


class InvalidUrl(ValueError):
    """The address is one that we do not call; the message says what to change."""


class TooManyEndpoints(RuntimeError):
    """The tenant has as many endpoints as it may have."""


class EndpointDisabled(RuntimeError):
    """The endpoint is switched off, so nothing is sent to it."""


@transaction.atomic
def create_endpoint(
    *, tenant: Tenant, url: str, event_types: Iterable[WebhookEventType], by: Actor, description: str = ""
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, and its secret, which can be shown this once and never again. The tenant's scope is open.

    Raises:
        InvalidUrl, TooManyEndpoints: nothing is written.
    """
    _check(url)
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    most = settings.MOST_WEBHOOK_ENDPOINTS_PER_TENANT
    if WebhookEndpoint.objects.for_tenant(tenant.pk).count() >= most:
        raise TooManyEndpoints(_("%(most)s webhook endpoints are the most. Delete one first.") % {"most": most})
    endpoint = WebhookEndpoint.objects.create(
        tenant=tenant, url=url, description=description, event_types=_names(event_types)
    )
    audit.record(
        "webhook_endpoint:created",
        by=by,
        tenant_id=tenant.pk,
        target=endpoint,
        host=_host(url),
        event_types=endpoint.event_types,
    )
    return endpoint, _new_secret(endpoint)


@transaction.atomic
def change_endpoint(
    *,
    endpoint: WebhookEndpoint,
    by: Actor,
    url: str | None = None,
    event_types: Iterable[WebhookEventType] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; None stays. Switching it off ends what waits for it: none of it is sent when it is
    switched on again, but each of it can be sent once more. The tenant's scope is open.

    Raises:
        InvalidUrl: nothing is changed.
    """
    if url is not None:
        _check(url)
    endpoint = _locked(endpoint.tenant_id, endpoint.pk)
    wanted: dict[str, Any] = {"url": url, "description": description, "enabled": enabled}
    wanted["event_types"] = None if event_types is None else _names(event_types)
    changes = {
        field: value for field, value in wanted.items() if value is not None and getattr(endpoint, field) != value
    }
    if not changes:
        return endpoint
    for field, value in changes.items():
        setattr(endpoint, field, value)
    if "enabled" in changes:
        endpoint.disabled_by = "" if enabled else WebhookEndpoint.DisabledBy.CUSTOMER
        endpoint.failing_since = None
        if not enabled:
            end_waiting(endpoint)
    if "url" in changes:
        endpoint.failing_since = None
    endpoint.save(update_fields=[*changes, "disabled_by", "failing_since"])
    shown = {field: value for field, value in changes.items() if field != "url"}
    if "url" in changes:  # the rest of an address may hold a key
        shown["host"] = _host(endpoint.url)
    audit.record("webhook_endpoint:changed", by=by, tenant_id=endpoint.tenant_id, target=endpoint, **shown)
    return endpoint


@transaction.atomic
def delete_endpoint(*, endpoint: WebhookEndpoint, by: Actor) -> None:
    """Delete an endpoint with its deliveries. The tenant's scope is open."""
    endpoint = _locked(endpoint.tenant_id, endpoint.pk)
    host = _host(endpoint.url)
    audit.record("webhook_endpoint:deleted", by=by, tenant_id=endpoint.tenant_id, target=endpoint, host=host)
    endpoint.delete()


@transaction.atomic
def rotate_secret(*, endpoint: WebhookEndpoint, by: Actor) -> str:
    """A new secret, which can be shown this once. The one before signs beside it for `OVERLAP`, and one that was on its
    way out already is gone at once. The tenant's scope is open.
    """
    endpoint = _locked(endpoint.tenant_id, endpoint.pk)
    endpoint.secrets.filter(expires_at__isnull=False).delete()
    endpoint.secrets.update(expires_at=timezone.now() + OVERLAP)
    audit.record("webhook_endpoint:secret_rotated", by=by, tenant_id=endpoint.tenant_id, target=endpoint)
    return _new_secret(endpoint)


@transaction.atomic
def send_test_event(*, endpoint: WebhookEndpoint, by: Actor) -> WebhookDelivery:
    """Queue a test event for this endpoint alone. The tenant's scope is open.

    Raises:
        EndpointDisabled, TooOften: nothing is sent.
    """
    endpoint = _locked(endpoint.tenant_id, endpoint.pk)
    _refuse_disabled(endpoint)
    limits.count(
        "webhook_tests",
        endpoint.tenant_id,
        most=MOST_TESTS_AN_HOUR,
        seconds=3600,
        message=_("Too many test events were sent in this hour. Try again later."),
    )
    (delivery,) = queue_to(
        [endpoint],
        TEST,
        tenant_id=endpoint.tenant_id,
        data={
            "tenant_id": endpoint.tenant_id,
            "actor": {"kind": by.kind, "name": by.name},
            "target": {"kind": "webhookendpoint", "id": endpoint.pk},
            "details": {},
        },
    )
    audit.record("webhook_endpoint:tested", by=by, tenant_id=endpoint.tenant_id, target=endpoint)
    return delivery


@transaction.atomic
def replay_delivery(*, delivery: WebhookDelivery, by: Actor) -> WebhookDelivery:
    """Send a delivery once more, now: the same event with the same id. The tenant's scope is open.

    Raises:
        EndpointDisabled: nothing is sent.
    """
    endpoint = _locked(delivery.tenant_id, delivery.endpoint_id)
    _refuse_disabled(endpoint)
    delivery = WebhookDelivery.objects.select_for_update().get(tenant_id=delivery.tenant_id, pk=delivery.pk)
    delivery.state, delivery.due_at, delivery.tries = State.WAITING, timezone.now(), 0
    delivery.save(update_fields=["state", "due_at", "tries"])
    audit.record(
        "webhook_delivery:replayed",
        by=by,
        tenant_id=delivery.tenant_id,
        target=delivery,
        event=str(delivery.event_id),
    )
    return delivery


def end_waiting(endpoint: WebhookEndpoint) -> None:
    """End what waits for an endpoint that is told nothing any more."""
    endpoint.deliveries.filter(state=State.WAITING).update(state=State.FAILED, due_at=None)


def _locked(tenant_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    return WebhookEndpoint.objects.select_for_update(no_key=True).get(tenant_id=tenant_id, pk=endpoint_id)


def _refuse_disabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise EndpointDisabled(_("The endpoint is switched off. Switch it on first."))


def _new_secret(endpoint: WebhookEndpoint) -> str:
    secret = new_signing_secret()
    WebhookSecret.objects.create(tenant_id=endpoint.tenant_id, endpoint=endpoint, sealed_secret=seal(secret))
    return secret


def _names(event_types: Iterable[WebhookEventType]) -> list[str]:
    chosen = set(event_types)
    return [kind.value for kind in WebhookEventType if kind in chosen]


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _check(url: str) -> None:
    try:
        check_url(url)
    except Refused as refusal:
        raise InvalidUrl(_(str(refusal))) from refusal
