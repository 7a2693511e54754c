"""The statement that access is gone, for programs."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.removal_statements import NotRemoved, RemovalStatement, removal_statement
from integrations.api.connections import connection_or_404
from tenants.api.base import TenantAPIView
from tenants.api.problems import Problem
from tenants.api.schema import NOT_FOUND, operation
from tenants.permissions import Permission


class RefusedRoleSerializer(serializers.Serializer[Any]):
    """A customer role in which AWS refused us."""

    component = serializers.CharField(read_only=True)
    arn = serializers.CharField(read_only=True, allow_null=True, help_text="Null where no AWS account was ever named.")
    removed_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="When AWS answered AccessDenied to `sts:AssumeRole` with this connection's external ID, while the "
        "same session of ours entered a role in our own account. Null where there was nothing to try.",
    )


class RemovalStatementSerializer(serializers.Serializer[RemovalStatement]):
    """Since `removed_at` we have no access to the AWS account through this connection."""

    organisation = serializers.CharField(source="connection.tenant.name", read_only=True)
    connection_id = serializers.UUIDField(source="connection.pk", read_only=True)
    connection_name = serializers.CharField(source="connection.name", read_only=True)
    account_id = serializers.CharField(
        source="connection.account_id", read_only=True, help_text="Empty where none was ever named."
    )
    external_ids = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="All that were ever issued for it. None is used again."
    )
    removal_requested_at = serializers.DateTimeField(source="connection.removal_requested_at", read_only=True)
    removed_at = serializers.DateTimeField(source="connection.removed_at", read_only=True)
    was_open = serializers.BooleanField(
        read_only=True, help_text="Whether roles were ever named for it, so that there was something to try."
    )
    roles = RefusedRoleSerializer(many=True, read_only=True)


class RemovalStatementDetail(TenantAPIView):
    """The statement of one connection."""

    permissions = {"GET": Permission.VIEW}

    @operation(
        "get_removal_statement",
        "Show the statement of removed access",
        answers={200: RemovalStatementSerializer},
        problems=NOT_FOUND | {409: "Access is not proved to be gone yet."},
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """The dated statement that access is gone, once AWS was seen to refuse us in every role."""
        try:
            statement = removal_statement(connection=connection_or_404(self.tenant, connection_id))
        except NotRemoved as error:
            raise Problem("not-removed", "The connection is not removed yet", str(error), 409) from error
        return Response(RemovalStatementSerializer(statement).data)
