"""Service tokens: what the vendor's own product shows to be let in. Shown once, stored as a hash, of no tenant."""

from uuid import uuid4

from django.db import models
from django.utils import timezone


class ServiceToken(models.Model):
    """Lets a component of the vendor's product read, across tenants, what opens a session in a customer role. Made and
    revoked by staff, with a reason; the token itself is known to its holder alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(max_length=100, help_text="What uses it.")
    prefix = models.CharField(max_length=12, help_text="The first characters, to recognise it by.")
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the token, in hex.")
    reason = models.CharField(max_length=500)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=254, blank=True)
    revoke_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="service_token_digest_unique"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="service_token_has_a_reason"),
        ]
        default_permissions = ()
        permissions = [("manage_service_tokens", "Make and revoke service tokens")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_valid(self) -> bool:
        """Whether it lets its holder in now."""
        return self.revoked_at is None and timezone.now() < self.expires_at
