"""Where a tenant is told what concerns it, beside its owners."""

from uuid import uuid4

from django.db import models
from django.db.models.functions import Lower

from tenants.models.tenant import Tenant


class NotificationAddress(models.Model):
    """An address that is told what concerns the tenant, once whoever reads it has confirmed it."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="notification_addresses")
    email = models.EmailField(max_length=254)
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the link's secret, in hex.")
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "email"], name="notification_address_once_per_tenant"),
            models.UniqueConstraint(fields=["digest"], name="notification_address_digest_unique"),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="notification_address_lower_case"),
        ]

    def __str__(self) -> str:
        return self.email
