"""Findings of all connections, for programs."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.serializers import FindingSerializer
from integrations.models import Finding, Verification
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.schema import operation
from tenants.permissions import Permission


class TenantFindingSerializer(FindingSerializer):
    """The result of one check, with where it was found."""

    connection_id = serializers.UUIDField(source="verification.connection_id", read_only=True)

    class Meta(FindingSerializer.Meta):
        fields = ["id", "connection_id", "verification_id", *FindingSerializer.Meta.fields]
        read_only_fields = fields


class FindingFilters(Filters):
    """What findings can be filtered by."""

    connection = serializers.UUIDField(source="verification__connection_id", required=False)
    verification = serializers.UUIDField(source="verification_id", required=False)
    component = serializers.CharField(max_length=40, required=False)
    check = serializers.CharField(
        source="check_code", max_length=60, required=False, help_text="Stable code of the check."
    )
    cause = serializers.CharField(max_length=60, required=False, help_text="Stable code of the cause.")
    outcome = serializers.ChoiceField(choices=Finding.Outcome.choices, required=False)
    who = serializers.ChoiceField(choices=Finding.Who.choices, required=False, help_text="Who must act.")
    since = serializers.DateTimeField(source="created_at__gte", required=False, help_text="At this time or after it.")
    until = serializers.DateTimeField(source="created_at__lt", required=False, help_text="Before this time.")
    latest = serializers.BooleanField(
        required=False,
        help_text="Those of each connection's last whole verification, or the older ones: what is to be done now is "
        "`latest=true&outcome=denied` and `latest=true&outcome=violated`.",
    )

    def filter_latest(self, rows: "QuerySet[Finding]", value: bool) -> "QuerySet[Finding]":
        """Those of each connection's last whole verification that came to a verdict, or the others."""
        whole = Verification.objects.filter(state=Verification.State.COMPLETED, checks=Verification.Checks.ALL)
        last = whole.order_by("connection_id", "-requested_at").distinct("connection_id").values("pk")
        return rows.filter(verification_id__in=last) if value else rows.exclude(verification_id__in=last)


class FindingPagination(Pagination):
    """The latest first: ids rise with time."""

    ordering: Any = "-id"


class Findings(TenantAPIView):
    """The findings of all connections of the organisation."""

    permissions = {"GET": Permission.VIEW}
    pagination_class = FindingPagination

    @operation(
        "list_findings",
        "List the findings",
        answers={200: TenantFindingSerializer(many=True)},
        filters=FindingFilters,
    )
    def get(self, _request: Request) -> Response:
        """What the checks of all connections found, the latest first."""
        rows = (
            Finding.objects.filter(tenant_id=self.tenant.pk)
            .select_related("verification__connection")
            .prefetch_related("verification__connection__external_id_rotations")
        )
        return self.page(rows, TenantFindingSerializer, FindingFilters)
