"""API tokens, for programs: seen, made with the one that asks, and revoked."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.tokens import (
    LONGEST_DAYS,
    USUAL_DAYS,
    BeyondItself,
    TooManyTokens,
    create_token_with,
    revoke_token,
)
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.rate_limits import too_many_requests
from tenants.api.schema import INVALID_BODY, NOT_FOUND, location_of, operation
from tenants.api.serializers import InputSerializer, NameField
from tenants.limits import TooOften
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
    made_with_id = serializers.UUIDField(
        read_only=True,
        allow_null=True,
        help_text="The token that made it, and with which it ends; null if a person did.",
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
            "made_with_id",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(TokenSerializer):
    """A token that was just made."""

    token = serializers.CharField(read_only=True, help_text="The token itself. It is shown this once.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


class TokenInput(InputSerializer):
    """A token to make."""

    name = NameField(max_length=ApiToken._meta.get_field("name").max_length, help_text="What will use it.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        required=False,
        allow_empty=False,
        max_length=len(Scope),
        help_text="What it may be used for: `read` unless you say more, and never what the token that asks may not.",
    )
    days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_DAYS,
        help_text=f"After how many days it ends: {USUAL_DAYS} unless you say otherwise, and with the token that asks "
        "at the latest.",
    )


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

    permissions = {"GET": Permission.ADMINISTER, "POST": Permission.ADMINISTER}
    pagination_class = TokenPagination

    @operation(
        "list_api_tokens", "List the API tokens", answers={200: TokenSerializer(many=True)}, filters=TokenFilters
    )
    def get(self, _request: Request) -> Response:
        """The latest first, revoked ones too. None of them can be shown again."""
        rows = ApiToken.objects.filter(tenant_id=self.tenant.pk).select_related("created_by")
        return self.page(rows, TokenSerializer, TokenFilters)

    @operation(
        "create_api_token",
        "Make an API token",
        request=TokenInput,
        answers={201: NewTokenSerializer},
        parameters=[location_of("the token", 201)],
        problems=INVALID_BODY | {409: "The organisation has as many tokens as it may have."},
    )
    def post(self, request: Request) -> Response:
        """Make a token that is less than the one that asks: for a program that needs less, or for less time. Behind it
        stand the same member and the same second factor. It ends when that token ends or is revoked.
        """
        wanted = TokenInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        if "scopes" in values:
            values["scopes"] = [Scope(scope) for scope in values["scopes"]]
        try:
            made, text = create_token_with(token=self.credential.token, by=self.actor, **values)
        except BeyondItself as error:
            refusal = serializers.ErrorDetail(str(error), code="beyond_the_token")
            raise serializers.ValidationError({"scopes": [refusal]}) from error
        except TooOften as error:
            raise too_many_requests(str(error), error.retry_after_seconds) from error
        except TooManyTokens as error:
            raise Problem("too-many-api-tokens", "There is no room for another", str(error), 409) from error
        except ApiToken.DoesNotExist:
            raise exceptions.AuthenticationFailed("The API token was revoked just now.") from None
        address = reverse("api:api_token", args=[made.pk])
        return Response(_shown(made) | {"token": text}, status=201, headers={"Location": address})


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
        """End a token at once, which may be the one that asks, and every token that was made with it."""
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
