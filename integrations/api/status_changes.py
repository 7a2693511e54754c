"""The history of customer roles' statuses, for programs."""

from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.connections import connection_or_404
from integrations.api.serializers import StatusChangeSerializer
from integrations.models import Status, StatusChange
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.schema import NOT_FOUND, operation
from tenants.permissions import Permission


class StatusChangeFilters(Filters):
    """What changes can be filtered by."""

    orderings = ("at",)

    component = serializers.CharField(max_length=40, required=False)
    after = serializers.ChoiceField(choices=Status.choices, required=False, help_text="The new status.")
    cause = serializers.ChoiceField(choices=StatusChange.Cause.choices, required=False)
    since = serializers.DateTimeField(source="at__gte", required=False, help_text="At this time or after it.")
    until = serializers.DateTimeField(source="at__lt", required=False, help_text="Before this time.")


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
        filters=StatusChangeFilters,
        problems=NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """The latest first: each change of a customer role's status, with its time and cause."""
        rows = connection_or_404(self.tenant, connection_id).status_changes.all()
        return self.page(rows, StatusChangeSerializer, StatusChangeFilters)
