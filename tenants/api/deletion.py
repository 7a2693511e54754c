"""The deletion of the organisation, for programs: asked for and called off."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.deletion import NotDue, cancel_deletion, request_deletion
from tenants.api.base import TenantAPIView
from tenants.api.problems import Problem
from tenants.api.schema import INVALID_BODY, operation
from tenants.api.serializers import InputSerializer
from tenants.api.tenant import TenantSerializer
from tenants.permissions import Permission


class DeletionInput(InputSerializer):
    """The name of what is to be deleted, so that no token of another organisation deletes it by mistake."""

    name = serializers.CharField(max_length=200, help_text="The name of your organisation, as it is.")


class TenantDeletion(TenantAPIView):
    """The deletion of the organisation of the token."""

    permissions = {"POST": Permission.OWN, "DELETE": Permission.OWN}

    @operation(
        "request_tenant_deletion",
        "Ask for the deletion of your organisation",
        request=DeletionInput,
        answers={202: TenantSerializer},
        problems=INVALID_BODY,
    )
    def post(self, request: Request) -> Response:
        """Delete the organisation after 14 days: every connection is removed first, then all that is kept. Its owners
        are told, and any of them can call it off until then. Asking twice changes nothing.
        """
        wanted = DeletionInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        if wanted.validated_data["name"] != self.lock_tenant().name:
            message = "This is not the name of the token's organisation: GET /api/v1/tenant/ shows it."
            raise serializers.ValidationError({"name": [serializers.ErrorDetail(message, code="not_the_name")]})
        return Response(TenantSerializer(request_deletion(tenant=self.tenant, by=self.actor)).data, status=202)

    @operation(
        "cancel_tenant_deletion",
        "Call the deletion of your organisation off",
        request=None,
        answers={200: TenantSerializer},
        problems={409: "No deletion was asked for, or it has begun."},
    )
    def delete(self, _request: Request) -> Response:
        """Keep the organisation. Possible until the deletion begins, at `deletion_due_at`."""
        try:
            kept = cancel_deletion(tenant=self.tenant, by=self.actor)
        except NotDue as error:
            raise Problem("nothing-to-cancel", "The deletion cannot be called off", str(error), 409) from error
        return Response(TenantSerializer(kept).data)
