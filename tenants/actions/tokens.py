"""API tokens: made, recognised, revoked. A program makes none: each has a person behind it."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.audit import Actor
from tenants.models import ApiToken, Tenant, User
from tenants.permissions import Scope
from tenants.secrets import digest, new_secret

USUAL_DAYS = 90
LONGEST_DAYS = 365


class InvalidExpiry(ValueError):
    """A token cannot last that long; the message says how long it can."""


class TooManyTokens(RuntimeError):
    """The tenant has as many tokens as it may have; the message says what to do."""


@transaction.atomic
def create_token(
    *,
    tenant: Tenant,
    name: str,
    user: User,
    by: Actor,
    scopes: Iterable[Scope] = (Scope.READ,),
    days: int = USUAL_DAYS,
    second_factor: bool = False,
) -> tuple[ApiToken, str]:
    """A new token of the tenant, and its text, which can be shown this once and never again.

    Args:
        tenant: whose scope is open.
        name: what will use it.
        user: who makes it: it may never do more than they may.
        by: the same, for audit.
        scopes: what it may be used for.
        days: after how many days it ends.
        second_factor: whether the user has shown a second factor.

    Raises:
        InvalidExpiry, TooManyTokens: nothing is written.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidExpiry(f"A token lasts 1 to {LONGEST_DAYS} days.")
    _refuse_too_many(tenant)
    text = f"rbt_{new_secret()}"
    expires_at = timezone.now() + timedelta(days=days)
    token = ApiToken.objects.create(
        tenant=tenant,
        name=name,
        prefix=text[:10],
        digest=digest(text),
        scopes=[scope.value for scope in Scope if scope in set(scopes)],
        second_factor=second_factor,
        expires_at=expires_at,
        created_by=user,
    )
    audit.record(
        "api_token:created",
        by=by,
        tenant_id=tenant.pk,
        target=token,
        name=name,
        scopes=token.scopes,
        expires_at=expires_at.isoformat(),
    )
    return token, text


def _refuse_too_many(tenant: Tenant) -> None:
    # One at a time of a tenant, or two could both see the last free place.
    Tenant.objects.select_for_update(no_key=True).filter(pk=tenant.pk).first()
    most = settings.MOST_API_TOKENS_PER_TENANT
    working = ApiToken.objects.filter(tenant_id=tenant.pk, revoked_at=None).exclude(expires_at__lte=timezone.now())
    if working.count() >= most:
        raise TooManyTokens(
            f"Your organisation has {most} API tokens, which is as many as it may have. Revoke one that you no longer "
            "need, or ask our support for more."
        )


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
