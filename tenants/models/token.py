"""API tokens: shown once, stored as a hash."""

from uuid import uuid4

from django.db import models
from django.utils import timezone

from tenants.models.people import User
from tenants.models.tenant import Tenant
from tenants.permissions import Scope


def least_scopes() -> list[str]:
    """What a token may do unless its maker says more."""
    return [Scope.READ.value]


# What every token could do before tokens had scopes, and what a release from before still makes.
ONCE_EVERYTHING = [Scope.READ.value, Scope.VERIFY.value, Scope.MANAGE.value]


class ApiToken(models.Model):
    """What a program of a tenant shows to be let in. The token itself is known to its holder alone."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="The first characters, to recognise it by.")
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the token, in hex.")
    scopes = models.JSONField(default=least_scopes, db_default=ONCE_EVERYTHING, help_text="What it may be used for.")
    second_factor = models.BooleanField(
        null=True, help_text="Whether it was made with a second factor; empty for tokens from before this was noted."
    )
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    made_with = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="made",
        help_text="The token that a program made this one with: it ends with that one.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When it ends by itself; empty for tokens from before they had an end."
    )
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="api_token_digest_unique"),
            models.UniqueConstraint(fields=["tenant", "id"], name="api_token_of_one_tenant"),
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=["read", "verify", "manage", "administer"])
                & ~models.Q(scopes=[]),
                name="api_token_scopes_known",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="api_token_of_tenant")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scope_labels(self) -> list[str]:
        """Its scopes in words, the least first."""
        return [str(scope.label) for scope in Scope if scope in self.scopes]

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()
