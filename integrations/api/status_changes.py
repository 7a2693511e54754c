"""The history of customer roles' statuses, for programs."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.connections import connection_or_404
from integrations.api.serializers import StatusChangeSerializer
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.schema import INVALID_CURSOR, NOT_FOUND, operation
from tenants.permissions import Permission


class StatusChangePagination(Pagination):
    """The latest first."""

    ordering = ("-at", "-id")


class ConnectionStatusChanges(TenantAPIView):
    """How the customer roles of one connection came to their statuses."""

    permissions = {"GET": Permission.VIEW}
    pagination_class = StatusChangePagination

    @operation(
        "list_status_changes",
        "List the changes of a connection's statuses",
        answers={200: StatusChangeSerializer(many=True)},
        problems=INVALID_CURSOR | NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """The latest first: each change of a customer role's status, with its time and cause."""
        return self.page(connection_or_404(self.tenant, connection_id).status_changes.all(), StatusChangeSerializer)
