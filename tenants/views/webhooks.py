"""The pages of webhooks: endpoints, their secrets, and the log of what was delivered."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.access import MemberRequest, member
from tenants.actions import webhooks as actions
from tenants.actions.webhooks import EndpointDisabled, InvalidUrl, TooManyEndpoints
from tenants.audit import Actor
from tenants.limits import TooOften
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.permissions import Permission
from tenants.webhook_forms import WebhookEndpointChangeForm, WebhookEndpointForm

DELIVERIES_SHOWN = 25
ATTEMPTS_SHOWN = 50


@member(Permission.ADMINISTER)
def webhooks(request: MemberRequest) -> HttpResponse:
    """The tenant's endpoints."""
    endpoints = WebhookEndpoint.objects.for_tenant(request.tenant.pk)
    return render(request, "tenants/webhooks.html", {"section": "settings", "endpoints": endpoints})


@member(Permission.ADMINISTER)
def webhook_new(request: MemberRequest) -> HttpResponse:
    """A form; the answer to it is the one page that ever shows the new endpoint's secret."""
    form = WebhookEndpointForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                endpoint, secret = actions.create_endpoint(
                    tenant=request.tenant, by=Actor.user(request.user), **form.values()
                )
            except InvalidUrl as refusal:
                form.add_error("url", str(refusal))
            except TooManyEndpoints as refusal:
                form.add_error(None, str(refusal))
            else:
                return _endpoint_page(request, endpoint, new_secret=secret)
        status = 422
    return render(request, "tenants/webhook_new.html", {"section": "settings", "form": form}, status=status)


@member(Permission.ADMINISTER)
def webhook_endpoint(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """One endpoint with its deliveries, changed by posting its form."""
    endpoint = _endpoint_or_404(request, endpoint_id)
    if request.method != "POST":
        return _endpoint_page(request, endpoint)
    form = WebhookEndpointChangeForm(request.POST)
    if form.is_valid():
        try:
            actions.change_endpoint(endpoint=endpoint, by=Actor.user(request.user), **form.values())
        except InvalidUrl as refusal:
            form.add_error("url", str(refusal))
        else:
            messages.success(request, _("The endpoint is saved."))
            return _to(endpoint)
    return _endpoint_page(request, endpoint, status=422, form=form)


@member(Permission.ADMINISTER)
def webhook_delete(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """Ask once more, then delete."""
    endpoint = _endpoint_or_404(request, endpoint_id)
    if request.method != "POST":
        return render(request, "tenants/webhook_delete.html", {"section": "settings", "endpoint": endpoint})
    actions.delete_endpoint(endpoint=endpoint, by=Actor.user(request.user))
    messages.success(request, _("The endpoint is deleted. Nothing is sent there any more."))
    return redirect("webhooks", tenant_id=request.tenant.pk)


@member(Permission.ADMINISTER)
def webhook_rotate(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """Make a new secret; the answer is the one page that ever shows it."""
    endpoint = _endpoint_or_404(request, endpoint_id)
    if request.method != "POST":
        return _to(endpoint)
    secret = actions.rotate_secret(endpoint=endpoint, by=Actor.user(request.user))
    return _endpoint_page(request, endpoint, new_secret=secret)


@member(Permission.ADMINISTER)
def webhook_test(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """Send a test event."""
    endpoint = _endpoint_or_404(request, endpoint_id)
    if request.method == "POST":
        try:
            delivery = actions.send_test_event(endpoint=endpoint, by=Actor.user(request.user))
        except (EndpointDisabled, TooOften) as refusal:
            messages.error(request, str(refusal))
        else:
            return _to_delivery(delivery)
    return _to(endpoint)


@member(Permission.ADMINISTER)
def webhook_delivery(request: MemberRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    """One delivery: what was sent, and what each attempt was answered."""
    delivery = _delivery_or_404(request, endpoint_id, delivery_id)
    attempts = delivery.attempts.all()[:ATTEMPTS_SHOWN]
    context = {"section": "settings", "delivery": delivery, "endpoint": delivery.endpoint, "attempts": attempts}
    return render(request, "tenants/webhook_delivery.html", context)


@member(Permission.ADMINISTER)
def webhook_replay(request: MemberRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Send a delivery once more."""
    delivery = _delivery_or_404(request, endpoint_id, delivery_id)
    if request.method == "POST":
        try:
            actions.replay_delivery(delivery=delivery, by=Actor.user(request.user))
        except EndpointDisabled as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("It is sent once more, with the same id."))
    return _to_delivery(delivery)


def _endpoint_page(
    request: MemberRequest,
    endpoint: WebhookEndpoint,
    *,
    status: int = 200,
    form: WebhookEndpointChangeForm | None = None,
    new_secret: str = "",
) -> HttpResponse:
    fields = ("url", "description", "event_types", "enabled")
    initial: dict[str, Any] = {field: getattr(endpoint, field) for field in fields}
    deliveries = endpoint.deliveries.select_related("event")
    context = {
        "section": "settings",
        "endpoint": endpoint,
        "form": form or WebhookEndpointChangeForm(initial=initial),
        "new_secret": new_secret,
        "old_secret": endpoint.secrets.filter(expires_at__gt=timezone.now()).first(),
        "page": Paginator(deliveries, DELIVERIES_SHOWN).get_page(request.GET.get("page")),
    }
    return render(request, "tenants/webhook_endpoint.html", context, status=status)


def _to(endpoint: WebhookEndpoint) -> HttpResponse:
    return redirect("webhook_endpoint", tenant_id=endpoint.tenant_id, endpoint_id=endpoint.pk)


def _to_delivery(delivery: WebhookDelivery) -> HttpResponse:
    return redirect(
        "webhook_delivery",
        tenant_id=delivery.tenant_id,
        endpoint_id=delivery.endpoint_id,
        delivery_id=delivery.pk,
    )


def _endpoint_or_404(request: MemberRequest, endpoint_id: UUID) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint.objects.for_tenant(request.tenant.pk), pk=endpoint_id)


def _delivery_or_404(request: MemberRequest, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    found = WebhookDelivery.objects.select_related("event", "endpoint")
    return get_object_or_404(found, tenant_id=request.tenant.pk, endpoint_id=endpoint_id, pk=delivery_id)
