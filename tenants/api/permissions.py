"""Who may ask the API for what."""

from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.api.authentication import Credential


class DeclaredPermission(BasePermission):
    """Lets a token in if the member who made it has the permission that the view declares for the method."""

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
        return request.auth.member.may(permission)
