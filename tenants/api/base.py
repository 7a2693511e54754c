"""What every API view shares: its access rule, its tenant's scope, its pages."""

from contextlib import ExitStack
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from rest_framework.exceptions import NotAuthenticated
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.audit import Actor
from tenants.models import ApiToken, Member, Tenant
from tenants.permissions import Permission
from tenants.scope import tenant_scope


class DeclaredPermission(BasePermission):
    """Lets a token in if the member who made it still has the permission that the view declares for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the request may pass."""
        if not isinstance(view, TenantAPIView):
            return False  # deny by default: no rule, no entry
        if not isinstance(request.auth, ApiToken):
            raise NotAuthenticated("Send an API token as `Authorization: Bearer TOKEN`.")
        with tenant_scope(request.auth.tenant_id):
            member = Member.objects.filter(tenant_id=request.auth.tenant_id, user=request.auth.created_by).first()
        permission = view.permissions.get(request.method or "")
        return member is not None and permission is not None and member.may(permission)


class TenantAPIView(APIView):
    """A view of the API. `permissions` names what each method asks for, and a method that is not named is refused.

    The tenant's scope is open while the handler runs, and all that it wrote is rolled back if it answers with an error.
    A handler that calls the world outside sets `scoped = False` and opens the scope itself.
    """

    permissions: dict[str, Permission] = {}
    scoped = True
    access = "token"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Handle the request, in the scope of the token's tenant."""
        with ExitStack() as self._scopes:
            response = super().dispatch(request, *args, **kwargs)
            if self.tenant_is_open and response.status_code >= 400:
                transaction.set_rollback(True)
        return response

    tenant_is_open = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, check, and then enter the tenant."""
        super().initial(request, *args, **kwargs)
        if self.scoped:
            self._scopes.enter_context(tenant_scope(self.tenant.pk))
            self.tenant_is_open = True

    @property
    def token(self) -> ApiToken:
        """The token of the request."""
        token = self.request.auth
        assert isinstance(token, ApiToken)
        return token

    @property
    def tenant(self) -> Tenant:
        """The tenant of the token."""
        return self.token.tenant

    @property
    def actor(self) -> Actor:
        """Who acts, for audit."""
        return Actor.token(self.token)


class Pagination(CursorPagination):
    """Pages by cursor, so that a page stays right while rows are added."""

    page_size = 50
    ordering = "-created_at"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page's schema; DRF's own, kept in one place."""
        result: dict[str, Any] = super().get_paginated_response_schema(schema)
        return result


__all__ = ["UUID", "DeclaredPermission", "Pagination", "Response", "TenantAPIView"]
