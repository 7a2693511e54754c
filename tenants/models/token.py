"""API tokens: shown once, stored as a hash."""

from uuid import uuid4

from django.db import models

from tenants.models.people import User
from tenants.models.tenant import Tenant


class ApiToken(models.Model):
    """What a program of a tenant shows to be let in. The token itself is known to its holder alone."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="The first characters, to recognise it by.")
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the token, in hex.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest"], name="api_token_digest_unique")]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="api_token_of_tenant")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
