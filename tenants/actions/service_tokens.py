"""Service tokens: made and revoked by staff, recognised, and noted where they are used."""

from datetime import timedelta
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.audit import Actor
from tenants.models import ServiceToken
from tenants.request_id import client_address
from tenants.scope import installation_scope
from tenants.secrets import digest, new_secret

LONGEST = timedelta(days=366)
NOTED_EVERY = timedelta(minutes=1)
USE_TOLD_EVERY = timedelta(days=1)


class InvalidServiceToken(ValueError):
    """What was asked for of a service token cannot be done; the message says why."""


def create_service_token(*, name: str, days: int, reason: str, by: Actor) -> tuple[ServiceToken, str]:
    """A new service token and its text, which can be shown this once and never again. It lasts `days` days.

    Raises:
        InvalidServiceToken: nothing is written.
    """
    if not reason.strip():
        raise InvalidServiceToken("Give a reason: the audit events keep it.")
    if not 1 <= days <= LONGEST.days:
        raise InvalidServiceToken(f"A service token lasts 1 to {LONGEST.days} days. Make a new one before it ends.")
    text = f"rbs_{new_secret()}"
    with installation_scope():
        token = ServiceToken.objects.create(
            name=name,
            prefix=text[:10],
            digest=digest(text),
            reason=reason,
            created_by=by.name,
            expires_at=timezone.now() + timedelta(days=days),
        )
        audit.record("service_token:created", by=by, tenant_id=None, target=token, name=name, reason=reason, days=days)
    return token, text


def revoke_service_token(*, token_id: UUID, reason: str, by: Actor) -> ServiceToken:
    """End a service token at once. Revoking it twice changes nothing.

    Raises:
        InvalidServiceToken: no reason was given.
        ServiceToken.DoesNotExist: there is no such token.
    """
    if not reason.strip():
        raise InvalidServiceToken("Give a reason: the audit events keep it.")
    with installation_scope():
        token = ServiceToken.objects.select_for_update().get(pk=token_id)
        if token.revoked_at is None:
            token.revoked_at, token.revoked_by, token.revoke_reason = timezone.now(), by.name, reason
            token.save(update_fields=["revoked_at", "revoked_by", "revoke_reason"])
            audit.record("service_token:revoked", by=by, tenant_id=None, target=token, name=token.name, reason=reason)
    return token


def find_service_token(text: str) -> ServiceToken | None:
    """The token that is valid now, None for any other text."""
    token = ServiceToken.objects.filter(digest=digest(text)).first()
    return token if token is not None and token.is_valid else None


def note_use(*, token: ServiceToken, by: Actor) -> None:
    """Note that the token was used. Its product asks all day long, so "last used" is written once a minute at the most,
    and an audit event once a day for each address that it comes from: a new address shows at once.
    """
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > NOTED_EVERY:
        ServiceToken.objects.filter(pk=token.pk).update(last_used_at=now)
    address = client_address.get() or ""
    if cache.add(f"service-token-used:{token.pk}:{address}", 1, timeout=USE_TOLD_EVERY.total_seconds()):
        with transaction.atomic():
            audit.record("service_token:used", by=by, tenant_id=None, target=token, name=token.name)
