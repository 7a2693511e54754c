"""API tokens as credentials: `Authorization: Bearer rbt_…`."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants.actions.tokens import digest
from tenants.models import ApiToken, User
from tenants.scope import call, tenant_scope

_REFUSED = "The API token is unknown or was revoked. Make a new one on the API tokens page of your organisation."


class TokenAuthentication(BaseAuthentication):
    """Finds the token by its hash: the look-up gives ids alone, the rest is read in the scope of its tenant."""

    def authenticate(self, request: Request) -> tuple[User | None, ApiToken] | None:
        """The token of the request, or None where it has none.

        Raises:
            AuthenticationFailed: the header is malformed, or the token is not (or no longer) valid.
        """
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        if len(parts) != 2 or parts[0].lower() != b"bearer":
            raise AuthenticationFailed("Send the API token as `Authorization: Bearer TOKEN`.")
        rows = call("api_token_by_digest", digest(parts[1].decode("latin-1")))
        if not rows:
            raise AuthenticationFailed(_REFUSED)
        token_id, tenant_id = rows[0]
        return self._token(token_id, tenant_id)

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 answers in WWW-Authenticate."""
        return 'Bearer realm="Rolebridge"'

    def _token(self, token_id: UUID, tenant_id: UUID) -> tuple[User | None, ApiToken]:
        with tenant_scope(tenant_id):
            token = ApiToken.objects.select_related("tenant", "created_by").filter(pk=token_id, revoked_at=None).first()
            if token is None:
                raise AuthenticationFailed(_REFUSED)
            now = timezone.now()
            # Written once a minute at most: "last used" is for people, and a write per call would be waste.
            if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
                ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.created_by, token


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names it."""

    target_class = TokenAuthentication
    name = "apiToken"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        """An HTTP bearer token."""
        return {"type": "http", "scheme": "bearer", "description": "An API token of your organisation."}
