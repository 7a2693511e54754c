"""Hand-off links: what somebody with no account shows to read the guide and take the role template of a connection."""

from datetime import datetime
from uuid import uuid4

from django.db import models
from django.utils import timezone

from integrations.models.connection import Connection
from tenants.models import Tenant


class HandOffLink(models.Model):
    """A link that opens the guide and the downloads of one connection. Its text is known to its holders alone."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="hand_off_links")
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the link's secret, in hex.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest"], name="hand_off_link_digest_unique")]
        indexes = [models.Index(fields=["connection", "-created_at"], name="hand_off_link_of_connection")]
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"hand-off link of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return timezone.now() >= self.expires_at

    def is_open(self, now: datetime) -> bool:
        """Whether it lets its holder in."""
        return self.revoked_at is None and now < self.expires_at
