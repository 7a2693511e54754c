"""Webhook endpoints and deliveries in the API."""

from typing import Any

from rest_framework import serializers

from tenants.api.serializers import InputSerializer, NameField
from tenants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tenants.webhook_event_types import WebhookEventType


class WebhookEndpointInput(InputSerializer):
    """An endpoint to add."""

    refused_fields = {"secret": "The secret is made by us. Leave this field out."}

    url = serializers.CharField(
        max_length=WebhookEndpoint._meta.get_field("url").max_length,
        help_text="Where events are sent, beginning with `https://`. It must be reachable from the internet.",
    )
    description = NameField(
        required=False,
        allow_blank=True,
        max_length=WebhookEndpoint._meta.get_field("description").max_length,
        help_text="What receives them.",
    )
    event_types = serializers.ListField(
        child=serializers.ChoiceField(choices=WebhookEventType.choices),
        allow_empty=False,
        max_length=len(WebhookEventType),
        help_text="The names of the events to be told of.",
    )

    def values(self) -> dict[str, Any]:
        """What the action takes."""
        values = dict(self.validated_data)
        if "event_types" in values:
            values["event_types"] = [WebhookEventType(name) for name in values["event_types"]]
        return values


class WebhookEndpointChange(WebhookEndpointInput):
    """What to change of an endpoint."""

    enabled = serializers.BooleanField(
        required=False, help_text="False sends nothing any more; what waited for it is not sent later by itself."
    )


class WebhookEndpointSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """An address that is told of events."""

    event_types = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="The names of the events that it is told of."
    )
    disabled_by = serializers.CharField(
        read_only=True,
        help_text="`customer`, `failures` (it failed for too long), `gone` (it answered 410), or empty while it is "
        "switched on.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "url", "description", "event_types", "enabled", "disabled_by", "failing_since", "created_at"]
        read_only_fields = fields


class NewWebhookEndpointSerializer(WebhookEndpointSerializer):
    """A new endpoint, or one with a new secret."""

    secret = serializers.CharField(read_only=True, help_text="What its calls are signed with. It is shown this once.")

    class Meta(WebhookEndpointSerializer.Meta):
        fields = [*WebhookEndpointSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class WebhookAttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One request of a delivery."""

    class Meta:
        model = WebhookAttempt
        fields = ["at", "duration_ms", "status", "error", "answer"]
        read_only_fields = fields


class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One event on its way to one endpoint."""

    event_id = serializers.UUIDField(read_only=True, help_text="The `webhook-id` of every attempt.")
    event_type = serializers.CharField(source="event.event_type", read_only=True, help_text="What happened.")

    class Meta:
        model = WebhookDelivery
        fields = ["id", "event_id", "event_type", "state", "tries", "created_at", "due_at"]
        read_only_fields = fields


class WebhookDeliveryDetailSerializer(WebhookDeliverySerializer):
    """A delivery with its attempts."""

    body = serializers.CharField(source="event.body", read_only=True, help_text="The body, as it is signed and sent.")
    attempts = WebhookAttemptSerializer(many=True, read_only=True)

    class Meta(WebhookDeliverySerializer.Meta):
        fields = [*WebhookDeliverySerializer.Meta.fields, "body", "attempts"]
        read_only_fields = fields
