"""Receipts of sessions, for programs."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.connections import connection_or_404
from integrations.api.serializers import SessionSerializer
from integrations.models import Session
from integrations.trail_queries import queries_for
from integrations.vendor import vendor_settings
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.schema import NOT_FOUND, operation
from tenants.permissions import Permission


class SessionFilters(Filters):
    """What receipts can be filtered by."""

    orderings = ("opened_at",)

    component = serializers.CharField(max_length=40, required=False)
    purpose = serializers.ChoiceField(choices=Session.Purpose.choices, required=False)
    verification = serializers.UUIDField(source="verification_id", required=False, help_text="The one that opened it.")
    access_key_id = serializers.CharField(max_length=128, required=False, help_text="As CloudTrail shows it.")
    since = serializers.DateTimeField(source="opened_at__gte", required=False, help_text="Opened then or later.")
    until = serializers.DateTimeField(source="opened_at__lt", required=False, help_text="Opened before then.")


class SessionPagination(Pagination):
    """The latest first, with the queries that find the page's sessions in the customer's own log."""

    ordering = ("-opened_at", "-id")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The rows of the page asked for, kept for the queries."""
        self.rows = super().paginate_queryset(queryset, request, view) or []
        return self.rows

    def get_paginated_response(self, data: Any) -> Response:
        """The page, with the queries."""
        response = super().get_paginated_response(data)
        queries = queries_for(self.rows, vendor_account_id=vendor_settings().vendor_account_id)
        response.data["trail_queries"] = queries and {
            "athena": queries.athena,
            "cloudtrail_lake": queries.cloudtrail_lake,
        }
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page, with the queries."""
        page = super().get_paginated_response_schema(schema)
        page["required"].append("trail_queries")
        page["properties"]["trail_queries"] = {
            "type": ["object", "null"],
            "description": "Queries that find the page's sessions in your own CloudTrail; null where none of them was "
            "opened in your account.",
            "required": ["athena", "cloudtrail_lake"],
            "properties": {
                "athena": {"type": "string", "description": "For a CloudTrail table in Athena: put its name in."},
                "cloudtrail_lake": {"type": "string", "description": "Put in the id of your event data store."},
            },
        }
        return page


class ConnectionSessions(TenantAPIView):
    """The receipts of the sessions that were opened for one connection."""

    permissions = {"GET": Permission.VIEW}
    pagination_class = SessionPagination

    @operation(
        "list_sessions",
        "List the receipts of a connection's sessions",
        answers={200: SessionSerializer(many=True)},
        filters=SessionFilters,
        problems=NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """The latest first: every session that was opened for this connection, without those in an account that we
        could not confirm for your organisation. Credentials are never kept.
        """
        return self.page(
            connection_or_404(self.tenant, connection_id).sessions.shown(), SessionSerializer, SessionFilters
        )
