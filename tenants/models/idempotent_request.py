"""Requests that are done once, however often they are sent."""

from uuid import uuid4

from django.db import models

from tenants.models.tenant import Tenant
from tenants.models.token import ApiToken


class IdempotentRequest(models.Model):
    """A POST with an `Idempotency-Key`, and what it was answered; no status as long as it is being done."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, address and body, in hex.")
    claim = models.UUIDField(help_text="Of the process that does it: only the latest claim may keep an answer.")
    claimed_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    sealed_secret = models.TextField(blank=True, help_text="The answer, sealed: what is shown once may be in it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "key"], name="idempotent_request_once_per_token"),
            models.CheckConstraint(condition=~models.Q(key=""), name="idempotent_request_has_a_key"),
        ]
        indexes = [models.Index(fields=["claimed_at"], name="idempotent_request_age")]

    def __str__(self) -> str:
        return self.key
