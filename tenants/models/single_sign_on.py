"""Single sign-on: a tenant's identity provider, and the mail domains that are proved to be the tenant's."""

from uuid import uuid4

from django.db import models
from django.db.models.functions import Lower

from tenants.models.tenant import Tenant


class IdentityProvider(models.Model):
    """A tenant's own OpenID Connect provider. It can sign in members of this tenant alone."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="identity_provider")
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=191)
    sealed_secret = models.TextField(editable=False)
    enabled = models.BooleanField(default=True)
    # Sessions that were opened before it changed are over: they may have been opened by somebody else's provider.
    epoch = models.UUIDField(default=uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.issuer


class TenantDomain(models.Model):
    """A mail domain of a tenant, once whoever reads its postmaster's mail has confirmed it."""

    class Mailbox(models.TextChoices):
        """Where the link goes: mailboxes that a domain's owner alone reads."""

        POSTMASTER = "postmaster"
        ADMIN = "admin"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253, help_text="In lower case, international ones as xn--.")
    mailbox = models.CharField(max_length=10, choices=Mailbox.choices)
    requested_by = models.CharField(
        max_length=254, blank=True, default="", db_default="", help_text="Whom the link's reader can ask."
    )
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the link's secret, in hex.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(help_text="When the link ends.")
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "domain"], name="tenant_domain_once_per_tenant"),
            models.UniqueConstraint(fields=["digest"], name="tenant_domain_digest_unique"),
            models.UniqueConstraint(
                fields=["domain"],
                condition=models.Q(verified_at__isnull=False),
                name="tenant_domain_verified_for_one_tenant",
            ),
            models.CheckConstraint(condition=models.Q(domain=Lower("domain")), name="tenant_domain_is_lower_case"),
        ]
        ordering = ["domain"]

    def __str__(self) -> str:
        return self.domain
