"""API tokens as credentials: `Authorization: Bearer rbt_…`."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from allauth.mfa.utils import is_mfa_enabled
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants.models import ApiToken, Member, User
from tenants.permissions import Permission, Scope
from tenants.scope import call, tenant_scope
from tenants.secrets import digest

_REFUSED = "The API token is unknown or was revoked. Make a new one on the API tokens page of your organisation."


@dataclass(frozen=True)
class Credential:
    """A token that was let in, and the member who made it: its scopes and their role decide what it may do."""

    token: ApiToken
    member: Member

    def may(self, permission: Permission) -> bool:
        """Whether both the token's scopes and its maker's role carry the permission."""
        return Scope.needed_for(permission) in self.token.scopes and self.member.may(permission)


class TokenAuthentication(BaseAuthentication):
    """Finds the token by its hash: the look-up gives ids alone, the rest is read in the scope of its tenant."""

    def authenticate(self, request: Request) -> tuple[User | None, Credential] | None:
        """The credential of the request, or None where it has none.

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
        credential = _credential(token_id, tenant_id)
        return credential.token.created_by, credential

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 answers in WWW-Authenticate."""
        return 'Bearer realm="Rolebridge"'


def _credential(token_id: UUID, tenant_id: UUID) -> Credential:
    with tenant_scope(tenant_id):
        try:
            token = ApiToken.objects.select_related("tenant", "created_by").get(pk=token_id, revoked_at=None)
        except ApiToken.DoesNotExist:
            raise AuthenticationFailed(_REFUSED) from None
        if token.is_expired:
            raise AuthenticationFailed(
                f"The API token ended on {token.expires_at:%Y-%m-%d}. Make a new one on the API tokens page of your "
                "organisation."
            )
        member = _maker(token)
        _require_second_factor(token)
        now = timezone.now()
        # Written once a minute at most: "last used" is for people, and a write per call would be waste.
        if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return Credential(token, member)


def _maker(token: ApiToken) -> Member:
    maker = token.created_by
    if maker is not None and maker.is_active:
        with suppress(Member.DoesNotExist):
            return Member.objects.get(tenant=token.tenant, user=maker)
    raise AuthenticationFailed(
        "The person who made this API token is no longer a member of its organisation. Ask an owner to make a new one "
        "on the API tokens page."
    )


def _require_second_factor(token: ApiToken) -> None:
    """Where the tenant asks for a second factor, nobody comes in by a token who would be kept from its pages: it was
    made with a second factor, and its maker has one still.
    """
    if not token.tenant.require_second_factor:
        return
    if token.second_factor is False or not is_mfa_enabled(token.created_by):
        raise AuthenticationFailed(
            "This organisation asks for a second factor, and none stands behind this API token. Sign in with yours, "
            "and make a new token on the API tokens page."
        )
