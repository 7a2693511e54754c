"""Webhook endpoints and their deliveries, for programs."""

from uuid import UUID

from django.http import Http404
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ErrorDetail, ValidationError

from tenants.actions import webhooks as actions
from tenants.actions.webhooks import EndpointDisabled, InvalidUrl, TooManyEndpoints
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.rate_limits import too_many_requests
from tenants.api.schema import FORBIDDEN, INVALID_BODY, NOT_FOUND, location_of, operation
from tenants.api.serializers import NothingSerializer
from tenants.api.webhook_serializers import (
    NewWebhookEndpointSerializer,
    WebhookDeliveryDetailSerializer,
    WebhookDeliverySerializer,
    WebhookEndpointChange,
    WebhookEndpointInput,
    WebhookEndpointSerializer,
)
from tenants.limits import TooOften
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.permissions import Permission

_DISABLED = {409: "The endpoint is switched off."}
_TOO_OFTEN = {429: "Too many test events were sent in this hour."}


class _View(TenantAPIView):
    """What the views below share."""

    def endpoint_or_404(self, endpoint_id: UUID) -> WebhookEndpoint:
        """The tenant's endpoint."""
        found = WebhookEndpoint.objects.for_tenant(self.tenant.pk).filter(pk=endpoint_id).first()
        if found is None:
            raise Http404
        return found

    def delivery_or_404(self, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
        """The tenant's delivery."""
        found = WebhookDelivery.objects.select_related("event").filter(
            tenant_id=self.tenant.pk, endpoint_id=endpoint_id, pk=delivery_id
        )
        if (delivery := found.first()) is None:
            raise Http404
        return delivery


class WebhookEndpoints(_View):
    """The webhook endpoints of the organisation."""

    permissions = {"GET": Permission.ADMINISTER, "POST": Permission.ADMINISTER}
    pagination_class = Pagination

    @operation(
        "list_webhook_endpoints",
        "List the webhook endpoints",
        answers={200: WebhookEndpointSerializer(many=True)},
        filters=Filters,
        problems=FORBIDDEN,
    )
    def get(self, _request: Request) -> Response:
        """Newest first."""
        return self.page(WebhookEndpoint.objects.for_tenant(self.tenant.pk), WebhookEndpointSerializer)

    @operation(
        "create_webhook_endpoint",
        "Add a webhook endpoint",
        request=WebhookEndpointInput,
        answers={201: NewWebhookEndpointSerializer},
        parameters=[location_of("the endpoint", 201)],
        problems=INVALID_BODY | FORBIDDEN | {409: "Your organisation has as many endpoints as it may have."},
    )
    def post(self, request: Request) -> Response:
        """Add an address that is told of the chosen events; `secret` is shown this once."""
        wanted = WebhookEndpointInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            endpoint, secret = actions.create_endpoint(tenant=self.tenant, by=self.actor, **wanted.values())
        except InvalidUrl as error:
            raise _url_error(error) from error
        except TooManyEndpoints as error:
            raise Problem("too-many-webhook-endpoints", "There is no room for another", str(error), 409) from error
        address = reverse("api:webhook_endpoint", args=[endpoint.pk])
        return Response(_with_secret(endpoint, secret), status=201, headers={"Location": address})


class WebhookEndpointDetail(_View):
    """One webhook endpoint."""

    permissions = dict.fromkeys(("GET", "PATCH", "DELETE"), Permission.ADMINISTER)

    @operation(
        "get_webhook_endpoint",
        "Show a webhook endpoint",
        answers={200: WebhookEndpointSerializer},
        problems=FORBIDDEN | NOT_FOUND,
        etag=True,
    )
    def get(self, _request: Request, endpoint_id: UUID) -> Response:
        """An endpoint. Its secret is shown when it is made and never again."""
        return self.one(_shown(self.endpoint_or_404(endpoint_id)))

    @operation(
        "update_webhook_endpoint",
        "Change a webhook endpoint",
        request=WebhookEndpointChange,
        answers={200: WebhookEndpointSerializer},
        problems=INVALID_BODY | FORBIDDEN | NOT_FOUND,
        etag=True,
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change the address, the description or the events, or switch it on or off; what is left out stays."""
        wanted = WebhookEndpointChange(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        self.lock_tenant()
        endpoint = self.endpoint_or_404(endpoint_id)
        self.require_match(_shown(endpoint))
        try:
            endpoint = actions.change_endpoint(endpoint=endpoint, by=self.actor, **wanted.values())
        except InvalidUrl as error:
            raise _url_error(error) from error
        return self.one(_shown(endpoint))

    @operation(
        "delete_webhook_endpoint",
        "Delete a webhook endpoint",
        request=None,
        answers={204: None},
        problems=FORBIDDEN | NOT_FOUND,
        etag=True,
    )
    def delete(self, _request: Request, endpoint_id: UUID) -> Response:
        """Delete it with the log of its deliveries."""
        self.lock_tenant()
        endpoint = self.endpoint_or_404(endpoint_id)
        self.require_match(_shown(endpoint))
        actions.delete_endpoint(endpoint=endpoint, by=self.actor)
        return Response(status=204)


class RotateWebhookSecret(_View):
    """The secret of an endpoint."""

    permissions = {"POST": Permission.ADMINISTER}

    @operation(
        "rotate_webhook_secret",
        "Rotate the secret of a webhook endpoint",
        request=NothingSerializer,
        answers={200: NewWebhookEndpointSerializer},
        problems=INVALID_BODY | FORBIDDEN | NOT_FOUND,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Make a new secret, which is shown this once. For 24 hours calls are signed with the one before as well."""
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        endpoint = self.endpoint_or_404(endpoint_id)
        secret = actions.rotate_secret(endpoint=endpoint, by=self.actor)
        return Response(_with_secret(endpoint, secret))


class TestWebhookEndpoint(_View):
    """Trying an endpoint."""

    permissions = {"POST": Permission.ADMINISTER}

    @operation(
        "test_webhook_endpoint",
        "Send a test event",
        request=NothingSerializer,
        answers={202: WebhookDeliverySerializer},
        problems=INVALID_BODY | FORBIDDEN | NOT_FOUND | _DISABLED | _TOO_OFTEN,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send an event of the type `webhook.test` to this endpoint alone."""
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        endpoint = self.endpoint_or_404(endpoint_id)
        try:
            delivery = actions.send_test_event(endpoint=endpoint, by=self.actor)
        except EndpointDisabled as error:
            raise _disabled(error) from error
        except TooOften as error:
            raise too_many_requests(str(error), error.retry_after_seconds) from error
        return Response(WebhookDeliverySerializer(delivery).data, status=202)


class WebhookDeliveries(_View):
    """The deliveries to an endpoint."""

    permissions = {"GET": Permission.ADMINISTER}
    pagination_class = Pagination

    @operation(
        "list_webhook_deliveries",
        "List the deliveries to a webhook endpoint",
        answers={200: WebhookDeliverySerializer(many=True)},
        filters=Filters,
        problems=FORBIDDEN | NOT_FOUND,
    )
    def get(self, _request: Request, endpoint_id: UUID) -> Response:
        """Newest first, those of the last 30 days."""
        deliveries = self.endpoint_or_404(endpoint_id).deliveries.select_related("event")
        return self.page(deliveries, WebhookDeliverySerializer)


class WebhookDeliveryDetail(_View):
    """One delivery."""

    permissions = {"GET": Permission.ADMINISTER}

    @operation(
        "get_webhook_delivery",
        "Show a delivery",
        answers={200: WebhookDeliveryDetailSerializer},
        problems=FORBIDDEN | NOT_FOUND,
    )
    def get(self, _request: Request, endpoint_id: UUID, delivery_id: UUID) -> Response:
        """What was sent, and what each attempt was answered."""
        return Response(WebhookDeliveryDetailSerializer(self.delivery_or_404(endpoint_id, delivery_id)).data)


class ReplayWebhookDelivery(_View):
    """Sending a delivery once more."""

    permissions = {"POST": Permission.ADMINISTER}

    @operation(
        "replay_webhook_delivery",
        "Send a delivery once more",
        request=NothingSerializer,
        answers={202: WebhookDeliverySerializer},
        problems=INVALID_BODY | FORBIDDEN | NOT_FOUND | _DISABLED,
    )
    def post(self, request: Request, endpoint_id: UUID, delivery_id: UUID) -> Response:
        """Send the same event with the same `webhook-id` once more."""
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        delivery = self.delivery_or_404(endpoint_id, delivery_id)
        try:
            delivery = actions.replay_delivery(delivery=delivery, by=self.actor)
        except EndpointDisabled as error:
            raise _disabled(error) from error
        return Response(WebhookDeliverySerializer(delivery).data, status=202)


def _shown(endpoint: WebhookEndpoint) -> dict[str, object]:
    return dict(WebhookEndpointSerializer(endpoint).data)


def _with_secret(endpoint: WebhookEndpoint, secret: str) -> dict[str, object]:
    return _shown(endpoint) | {"secret": secret}


def _url_error(error: InvalidUrl) -> ValidationError:
    return ValidationError({"url": [ErrorDetail(str(error), code="invalid_url")]})


def _disabled(error: EndpointDisabled) -> Problem:
    return Problem("webhook-endpoint-disabled", "The endpoint is switched off", str(error), 409)
