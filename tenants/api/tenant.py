"""The organisation itself, for programs."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.settings import change_settings
from tenants.api.base import TenantAPIView
from tenants.api.schema import INVALID_BODY, operation
from tenants.api.serializers import InputSerializer, NameField
from tenants.models import Tenant
from tenants.permissions import Permission


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    """Your organisation."""

    reference = serializers.CharField(
        read_only=True, help_text="Opaque short id, as session tags in your CloudTrail show it."
    )
    require_second_factor = serializers.BooleanField(
        read_only=True, help_text="Whether every member, and everyone behind an API token, needs a second factor."
    )
    daily_digest = serializers.BooleanField(
        read_only=True, help_text="Whether changes of status are told once a day, in one mail, and not each at once."
    )
    deletion_due_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When it is deleted; null unless an owner asked for that."
    )

    class Meta:
        model = Tenant
        fields = ["id", "reference", "name", "require_second_factor", "daily_digest", "created_at", "deletion_due_at"]
        read_only_fields = fields


class TenantInput(InputSerializer):
    """What to change of your organisation."""

    refused_fields = {
        "deletion_due_at": "Deletion is asked for at `/api/v1/tenant/deletion/`. Leave this field out.",
    }

    name = NameField(max_length=Tenant._meta.get_field("name").max_length, help_text="Its name.")
    require_second_factor = serializers.BooleanField(
        help_text="Whether every member, and everyone behind an API token, needs a second factor."
    )
    daily_digest = serializers.BooleanField(
        help_text="Whether changes of status are told once a day, in one mail, and not each at once."
    )


class TenantDetail(TenantAPIView):
    """The organisation of the token."""

    permissions = {"GET": Permission.VIEW, "PATCH": Permission.ADMINISTER}

    @operation("get_tenant", "Show your organisation", answers={200: TenantSerializer}, etag=True)
    def get(self, _request: Request) -> Response:
        """The organisation that the token belongs to."""
        return self.one(_shown(self.tenant))

    @operation(
        "update_tenant",
        "Change your organisation",
        request=TenantInput,
        answers={200: TenantSerializer},
        problems=INVALID_BODY,
        etag=True,
    )
    def patch(self, request: Request) -> Response:
        """Change its name, whether it asks for a second factor or is told once a day; what is left out stays."""
        wanted = TenantInput(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        tenant = self.lock_tenant()
        self.require_match(_shown(tenant))
        known = {name: getattr(tenant, name) for name in ("name", "require_second_factor", "daily_digest")}
        settings = known | wanted.validated_data
        return self.one(_shown(change_settings(tenant=tenant, by=self.actor, **settings)))


def _shown(tenant: Tenant) -> dict[str, Any]:
    return dict(TenantSerializer(tenant).data)
