"""Webhooks: where a tenant's programs are told what happens, what they are told, and how telling them went."""

from typing import Self
from uuid import UUID, uuid4

from django.db import models
from django.utils import timezone

from tenants.models.tenant import Tenant
from tenants.webhook_event_types import WebhookEventType


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Endpoints, always those of a tenant."""

    def for_tenant(self, tenant_id: UUID) -> Self:
        """Those of this tenant."""
        return self.filter(tenant_id=tenant_id)


class WebhookEndpoint(models.Model):
    """An address that is told of the chosen events."""

    class DisabledBy(models.TextChoices):
        """Why it is told nothing."""

        CUSTOMER = "customer", "Switched off"
        FAILURES = "failures", "Switched off by us, since it failed for too long"
        GONE = "gone", "Switched off by us, since it answered that it is gone"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=100, blank=True)
    event_types = models.JSONField(help_text="The names of the events that it is told of.")
    enabled = models.BooleanField(default=True)
    disabled_by = models.CharField(max_length=10, blank=True, choices=DisabledBy.choices)
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="The first failure after the last delivery that worked; empty while it works."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # One worker at a time delivers to an endpoint. It holds it by a lease, which another one takes when it ends.
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="webhook_endpoint_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(enabled=True, disabled_by="")
                | models.Q(enabled=False, disabled_by__in=["customer", "failures", "gone"]),
                name="webhook_endpoint_disabled_by_somebody",
            ),
        ]
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def chosen(self) -> list[WebhookEventType]:
        """The events that it is told of."""
        return [kind for kind in WebhookEventType if kind.value in self.event_types]


class WebhookSecret(models.Model):
    """What an endpoint's deliveries are signed with. Two of them while one takes the other's place."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="secrets")
    sealed_secret = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, help_text="When it signs no more; empty for the newest.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=models.Q(expires_at__isnull=True), name="webhook_secret_one_newest"
            )
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Secret of {self.created_at:%Y-%m-%d}"


class WebhookEvent(models.Model):
    """What happened, as the bytes that every delivery of it sends."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    event_type = models.CharField(max_length=40)
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="webhook_event_of_tenant")]
        indexes = [models.Index(fields=["created_at"], name="webhook_event_by_age")]

    def __str__(self) -> str:
        return f"{self.event_type} {self.id}"


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint."""

    class State(models.TextChoices):
        """How it stands."""

        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="When it is tried next; empty once it is done.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Attempts since it was last queued.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="webhook_delivery_of_tenant"),
            models.UniqueConstraint(fields=["event", "endpoint"], name="webhook_delivery_once_per_endpoint"),
            models.CheckConstraint(
                condition=models.Q(state="waiting", due_at__isnull=False)
                | models.Q(state__in=["delivered", "failed"], due_at__isnull=True),
                name="webhook_delivery_waits_or_is_done",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "-created_at"], name="webhook_delivery_of_endpoint"),
            models.Index(
                fields=["due_at", "endpoint"], condition=models.Q(due_at__isnull=False), name="webhook_delivery_due"
            ),
        ]
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}"


class WebhookAttempt(models.Model):
    """One request of a delivery, and what came of it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, help_text="The HTTP status; empty where there was no answer.")
    error = models.CharField(max_length=200, blank=True, help_text="Why there was no answer.")
    answer = models.TextField(blank=True, help_text="The first bytes of the answer, as text.")

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.status or self.error}"
