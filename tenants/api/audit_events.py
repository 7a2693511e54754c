"""Audit events, for programs."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.schema import operation
from tenants.audit import SOURCES
from tenants.audit_actions import AuditAction
from tenants.models import AuditEvent
from tenants.permissions import Permission


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """Somebody did something to something."""

    action = serializers.CharField(
        read_only=True, help_text="`source:subject:action`, such as `page:connection:created`."
    )
    actor_kind = serializers.CharField(
        read_only=True, help_text="`user`, `token`, `staff` (our support), `link` or `system`."
    )
    data = serializers.DictField(  # type: ignore[assignment]  # DRF has a property of this name; the page shows it too
        read_only=True, help_text="What changed; never a secret."
    )
    request_id = serializers.CharField(read_only=True, help_text="The `X-Request-Id` of the request that did it.")

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "at",
            "action",
            "actor_kind",
            "actor_id",
            "actor_name",
            "target_kind",
            "target_id",
            "data",
            "request_id",
            "address",
        ]
        read_only_fields = fields


class AuditEventFilters(Filters):
    """What audit events can be filtered by."""

    orderings = ("at",)

    action = serializers.ChoiceField(
        choices=AuditAction.choices, required=False, help_text="Without its source, such as `connection:created`."
    )
    actor = serializers.CharField(
        source="actor_name__has_part", max_length=254, required=False, help_text="Part of the address or name."
    )
    target_id = serializers.CharField(max_length=40, required=False)
    since = serializers.DateTimeField(source="at__gte", required=False, help_text="At this time or after it.")
    until = serializers.DateTimeField(source="at__lt", required=False, help_text="Before this time.")

    def filter_action(self, rows: "QuerySet[AuditEvent]", value: str) -> "QuerySet[AuditEvent]":
        """Those that did this, from whatever source."""
        return rows.filter(action__in=[f"{source}:{value}" for source in SOURCES])


class AuditEventPagination(Pagination):
    """The latest first."""

    ordering: Any = ("-at", "-id")


class AuditEvents(TenantAPIView):
    """The audit events of the organisation."""

    permissions = {"GET": Permission.ADMINISTER}
    pagination_class = AuditEventPagination

    @operation(
        "list_audit_events",
        "List the audit events",
        answers={200: AuditEventSerializer(many=True)},
        filters=AuditEventFilters,
    )
    def get(self, _request: Request) -> Response:
        """What was done in your organisation, by whom and from where; the latest first."""
        rows = AuditEvent.objects.for_tenant(self.tenant.pk)
        return self.page(rows, AuditEventSerializer, AuditEventFilters)
