"""Who may ask the API for what."""

from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.api.authentication import Credential
from tenants.api.problems import Problem
from tenants.permissions import Scope


class DeclaredPermission(BasePermission):
    """Lets a token in if its scopes and the member who made it have the permission that the view declares for the
    method.
    """

    message = "Your role in this organisation does not allow this. Use a token that an owner or admin made."

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether the request may pass. A view that declares nothing lets nobody in."""
        permissions = getattr(view, "permissions", None)
        if permissions is None:
            return False
        if not isinstance(request.auth, Credential):
            raise exceptions.NotAuthenticated("Send an API token as `Authorization: Bearer TOKEN`.")
        permission = permissions.get("GET" if request.method == "HEAD" else request.method)
        if permission is None:
            raise exceptions.MethodNotAllowed(request.method or "")
        scope = Scope.needed_for(permission)
        if scope not in request.auth.token.scopes:
            raise Problem(
                "missing-scope",
                "The token was not made for this",
                f"This needs a token with the scope `{scope.value}`, and this one has: "
                f"{', '.join(request.auth.token.scopes)}. Make another on the API tokens page of your organisation.",
                403,
            )
        return request.auth.may(permission)
