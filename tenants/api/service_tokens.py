"""Service tokens as credentials: what every operation for the vendor's own product shares."""

from contextlib import ExitStack
from typing import Any

from django.db import connections
from django.http import HttpResponseBase
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants import limits
from tenants.actions.service_tokens import find_service_token, note_use
from tenants.api.base import ApiView, Pagination
from tenants.api.problems import Problem
from tenants.api.rate_limits import too_many_requests
from tenants.audit import Actor
from tenants.models import ServiceToken
from tenants.scope import PRODUCT, product_scope

MOST_PER_MINUTE = 600
_REFUSED = "The service token is unknown, has expired or was revoked. Ask whoever runs the portal for a new one."


class ServiceTokenAuthentication(BaseAuthentication):
    """Finds the service token by its hash. A tenant's API token is none, and opens nothing here."""

    def authenticate(self, request: Request) -> tuple[None, ServiceToken] | None:
        """The token of the request, or None where it has none.

        Raises:
            AuthenticationFailed: the header is malformed, or the token is not (or no longer) valid.
        """
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        if len(parts) != 2 or parts[0].lower() != b"bearer":
            raise AuthenticationFailed("Send the service token as `Authorization: Bearer TOKEN`.")
        token = find_service_token(parts[1].decode("latin-1"))
        if token is None:
            raise AuthenticationFailed(_REFUSED)
        return None, token

    def authenticate_header(self, _request: Request) -> str:
        """What a 401 answers in WWW-Authenticate."""
        return 'Bearer realm="Rolebridge product"'


class ServiceTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its subclasses are registered untyped
    """How the document names service tokens."""

    target_class = "tenants.api.service_tokens.ServiceTokenAuthentication"
    name = "serviceToken"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        """An HTTP bearer token."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A service token of the vendor's own product, made by support staff. It reads across "
            "organisations what opens a session, and reports the sessions that were opened; nothing else.",
        }


class HasServiceToken(BasePermission):
    """Lets a request in that has shown a service token."""

    def has_permission(self, request: Request, _view: object) -> bool:
        """Whether the request may pass."""
        if not isinstance(request.auth, ServiceToken):
            raise NotAuthenticated("Send a service token as `Authorization: Bearer TOKEN`.")
        return True


class ProductAPIView(ApiView):
    """A view for the vendor's product: as the database role `product`, which only reads, counted for each token."""

    access = "service_token"
    http_method_names = ["get", "head"]
    authentication_classes = [ServiceTokenAuthentication]
    permission_classes = [HasServiceToken]
    pagination_class: type[Pagination] | None = None

    request: Request

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request, and speak as the product once its token is known."""
        with ExitStack() as self._scopes:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, count, note the use, and then speak as the product."""
        super().initial(request, *args, **kwargs)
        token: ServiceToken = request.auth  # type: ignore[assignment]  # HasServiceToken let it in
        try:
            limits.count(
                "service_token",
                token.pk,
                most=MOST_PER_MINUTE,
                seconds=60,
                message=f"A service token may ask {MOST_PER_MINUTE} times a minute. Keep an answer for a minute.",
            )
        except limits.TooOften as refusal:
            raise too_many_requests(str(refusal), refusal.retry_after_seconds) from refusal
        note_use(token=token, by=Actor.service(token))
        if PRODUCT not in connections.databases:
            raise Problem(
                "product-api-off",
                "This installation answers no service tokens",
                "Set DATABASE_PRODUCT_URL for the web server: docs/production.md says how.",
                503,
            )
        self._scopes.enter_context(product_scope())
