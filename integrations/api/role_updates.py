"""Updates of a connection's roles to newer versions of their components, for programs."""

from typing import Any
from uuid import UUID

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.role_updates import RoleUpdate, format_of_original, role_updates
from integrations.api.connections import connection_or_404
from integrations.api.serializers import PermissionSerializer
from integrations.aws.iam_actions import access_level
from integrations.models import Connection
from integrations.role_templates.formats import CHOICES, Format
from tenants.api.base import TenantAPIView
from tenants.api.schema import NOT_FOUND, operation
from tenants.permissions import Permission


class AddedPermissionSerializer(PermissionSerializer):
    """An IAM action that a newer version adds."""

    access_level = serializers.CharField(
        read_only=True, help_text="What AWS says the action does: `List`, `Read`, `Write`, `Tagging`, ..."
    )


class RoleUpdateSerializer(serializers.Serializer[Any]):
    """What a newer version of a component asks of the role that is there."""

    component = serializers.CharField(read_only=True)
    role_name = serializers.CharField(read_only=True, help_text="The role's name in your account.")
    deployed_version = serializers.CharField(read_only=True, help_text="The version that the role was made for.")
    current_version = serializers.CharField(read_only=True, help_text="The version that its template has now.")
    is_major = serializers.BooleanField(read_only=True, help_text="Whether it may remove or widen permissions.")
    summary = serializers.CharField(read_only=True, help_text="The difference in words.")
    added = AddedPermissionSerializer(many=True, read_only=True)
    removed = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Actions.")
    narrowed = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Actions.")
    widened = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Actions.")
    template_format = serializers.ChoiceField(
        choices=CHOICES, read_only=True, help_text="The format that was taken last."
    )
    template = serializers.CharField(read_only=True, help_text="Address of the role template in that format.")


class RoleUpdates(TenantAPIView):
    """The updates of a connection's roles."""

    permissions = {"GET": Permission.VIEW}

    @operation(
        "list_role_updates",
        "List the updates of the roles",
        answers={200: RoleUpdateSerializer(many=True)},
        problems=NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """One for each role that was made for an older version of its component which asked for something else.

        Until it is deployed, findings of what is new are `not_applicable` with the cause `role_outdated`.
        """
        connection = connection_or_404(self.tenant, connection_id)
        updates = role_updates(connection=connection)
        chosen = format_of_original(connection=connection) if updates else Format.CLOUDFORMATION
        shown = [_shown(update, connection, chosen) for update in updates]
        return Response(RoleUpdateSerializer(shown, many=True).data)


def _shown(update: RoleUpdate, connection: Connection, chosen: Format) -> dict[str, Any]:
    difference = update.difference
    component = difference.component
    return {
        "component": component.id,
        "role_name": update.role.name,
        "deployed_version": difference.deployed_version,
        "current_version": component.version,
        "is_major": difference.is_major,
        "summary": difference.words,
        "added": [
            {
                "action": permission.action,
                "reason": permission.reason,
                "needed_for": component.what_stops_without(permission),
                "sees_customer_data": permission.sees_customer_data,
                "access_level": access_level(permission.action),
            }
            for permission in difference.added
        ],
        "removed": difference.removed,
        "narrowed": difference.narrowed,
        "widened": difference.widened,
        "template_format": chosen.value,
        "template": reverse("api:role_template", args=[connection.pk, chosen.value]),
    }
