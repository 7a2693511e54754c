"""API tokens: made, recognised, revoked."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.audit import Actor
from tenants.models import ApiToken, Tenant, User
from tenants.secrets import digest, new_secret


@transaction.atomic
def create_token(*, tenant: Tenant, name: str, user: User, by: Actor) -> tuple[ApiToken, str]:
    """A new token of the tenant, and its text, which can be shown this once and never again."""
    text = f"rbt_{new_secret()}"
    token = ApiToken.objects.create(tenant=tenant, name=name, prefix=text[:10], digest=digest(text), created_by=user)
    audit.record("api_token:created", by=by, tenant_id=tenant.pk, target=token, name=name)
    return token, text


@transaction.atomic
def revoke_token(*, tenant: Tenant, token_id: UUID, by: Actor) -> ApiToken:
    """End a token at once. Revoking it twice changes nothing.

    Raises:
        ApiToken.DoesNotExist: the tenant has no such token.
    """
    token = ApiToken.objects.select_for_update().get(tenant=tenant, pk=token_id)
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        audit.record("api_token:revoked", by=by, tenant_id=tenant.pk, target=token, name=token.name)
    return token
