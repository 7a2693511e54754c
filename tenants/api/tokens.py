"""API tokens, for programs: seen and revoked. A person makes them, on the page."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.tokens import revoke_token
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.schema import NOT_FOUND, operation
from tenants.models import ApiToken
from tenants.permissions import Permission, Scope


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token of your organisation, without what makes it one."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), read_only=True, help_text="What it may be used for."
    )
    created_by = serializers.EmailField(
        source="created_by.email", read_only=True, allow_null=True, help_text="It may do no more than this member."
    )
    last_used_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="To the minute; null if it never was."
    )

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "created_by",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]
        read_only_fields = fields


class TokenFilters(Filters):
    """What tokens can be filtered by."""

    orderings = ("created_at",)

    is_revoked = serializers.BooleanField(required=False, help_text="Whether it was revoked.")

    def filter_is_revoked(self, rows: "QuerySet[ApiToken]", value: bool) -> "QuerySet[ApiToken]":
        """Those that were revoked, or the others."""
        return rows.filter(revoked_at__isnull=not value)


class TokenPagination(Pagination):
    """The latest first."""

    ordering = ("-created_at", "-id")


class Tokens(TenantAPIView):
    """The API tokens of the organisation."""

    permissions = {"GET": Permission.ADMINISTER}
    pagination_class = TokenPagination

    @operation(
        "list_api_tokens", "List the API tokens", answers={200: TokenSerializer(many=True)}, filters=TokenFilters
    )
    def get(self, _request: Request) -> Response:
        """The latest first, revoked ones too. None of them can be shown again."""
        rows = ApiToken.objects.filter(tenant_id=self.tenant.pk).select_related("created_by")
        return self.page(rows, TokenSerializer, TokenFilters)


class TokenDetail(TenantAPIView):
    """One API token."""

    permissions = {"GET": Permission.ADMINISTER, "DELETE": Permission.ADMINISTER}

    @operation("get_api_token", "Show an API token", answers={200: TokenSerializer}, problems=NOT_FOUND, etag=True)
    def get(self, _request: Request, token_id: UUID) -> Response:
        """What is known of a token."""
        return self.one(_shown(self._token_or_404(token_id)))

    @operation(
        "revoke_api_token",
        "Revoke an API token",
        request=None,
        answers={200: TokenSerializer},
        problems=NOT_FOUND,
        etag=True,
    )
    def delete(self, _request: Request, token_id: UUID) -> Response:
        """End a token at once, which may be the one that asks."""
        token = self._token_or_404(token_id, for_change=True)
        self.require_match(_shown(token))
        return Response(_shown(revoke_token(tenant=self.tenant, token_id=token.pk, by=self.actor)))

    def _token_or_404(self, token_id: UUID, *, for_change: bool = False) -> ApiToken:
        rows = ApiToken.objects.filter(tenant_id=self.tenant.pk)
        rows = rows.select_for_update() if for_change else rows.select_related("created_by")
        token = rows.filter(pk=token_id).first()
        if token is None:
            raise Http404
        return token


def _shown(token: ApiToken) -> dict[str, Any]:
    return dict(TokenSerializer(token).data)
