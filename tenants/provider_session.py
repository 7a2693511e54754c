"""Sessions that a tenant's identity provider opened: they enter that tenant, and nothing else (docs/adr/0017)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.auth import login
from django.http import HttpRequest

from tenants.models import IdentityProvider, User

_KEY = "single_sign_on"
LASTS_SECONDS = 12 * 3600  # what the provider takes back counts here by the next day


@dataclass(frozen=True)
class ProviderSession:
    """Whose provider opened the session, and as it was then."""

    tenant_id: UUID
    epoch: UUID

    def is_of(self, provider: IdentityProvider | None) -> bool:
        """Whether the provider is still the one that opened it."""
        return provider is not None and provider.enabled and provider.epoch == self.epoch


def open_provider_session(request: HttpRequest, user: User, provider: IdentityProvider) -> None:
    """Sign the user in for the provider's tenant alone. What the browser's session held before is gone: an open session
    is never widened or narrowed.
    """
    request.session.flush()
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    request.session[_KEY] = {"tenant_id": str(provider.tenant_id), "epoch": str(provider.epoch)}
    request.session.set_expiry(LASTS_SECONDS)
    UserSession.objects.create_from_request(request)


def provider_session(request: HttpRequest) -> ProviderSession | None:
    """The provider's session that the request comes in, None in a person's own."""
    kept: Any = request.session.get(_KEY)
    if kept is None:
        return None
    return ProviderSession(UUID(kept["tenant_id"]), UUID(kept["epoch"]))
