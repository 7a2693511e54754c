"""Recoveries that support staff asked for, for programs: seen and called off."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.recovery import cancel_recovery
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.schema import NOT_FOUND, operation
from tenants.models import Recovery
from tenants.permissions import Permission
from tenants.scope import tenant_scope


class RecoverySerializer(serializers.ModelSerializer[Recovery]):
    """A recovery of a lost owner or of a lost second factor."""

    kind = serializers.ChoiceField(
        choices=Recovery.Kind.choices,
        read_only=True,
        help_text="`owner`: the person becomes an owner. `second_factor`: theirs is taken off.",
    )
    reason = serializers.CharField(read_only=True, help_text="What our support knows, and how they know it.")
    requested_by = serializers.CharField(read_only=True, help_text="Who of our support asked for it.")
    effective_at = serializers.DateTimeField(read_only=True, help_text="It is carried out then, unless called off.")
    cancelled_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When it was called off.")
    done_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When it was carried out.")

    class Meta:
        model = Recovery
        fields = [
            "id",
            "kind",
            "email",
            "reason",
            "requested_by",
            "requested_at",
            "effective_at",
            "cancelled_at",
            "done_at",
        ]
        read_only_fields = fields


class RecoveryFilters(Filters):
    """What recoveries can be filtered by."""

    orderings = ("requested_at",)

    is_open = serializers.BooleanField(required=False, help_text="Whether it waits, and can be called off.")

    def filter_is_open(self, rows: "QuerySet[Recovery]", value: bool) -> "QuerySet[Recovery]":
        """Those that wait, or the others."""
        waiting = {"cancelled_at": None, "done_at": None}
        return rows.filter(**waiting) if value else rows.exclude(**waiting)


class RecoveryPagination(Pagination):
    """The latest first."""

    ordering = ("-requested_at", "-id")


class Recoveries(TenantAPIView):
    """The recoveries of the organisation."""

    permissions = {"GET": Permission.ADMINISTER}
    pagination_class = RecoveryPagination

    @operation(
        "list_recoveries", "List the recoveries", answers={200: RecoverySerializer(many=True)}, filters=RecoveryFilters
    )
    def get(self, _request: Request) -> Response:
        """What our support asked for to be recovered; the latest first."""
        rows = Recovery.objects.filter(tenant_id=self.tenant.pk)
        return self.page(rows, RecoverySerializer, RecoveryFilters)


class RecoveryDetail(TenantAPIView):
    """One recovery."""

    permissions = {"GET": Permission.ADMINISTER}

    @operation("get_recovery", "Show a recovery", answers={200: RecoverySerializer}, problems=NOT_FOUND)
    def get(self, _request: Request, recovery_id: UUID) -> Response:
        """A recovery, and what became of it."""
        return Response(_shown(self, recovery_id))


class CancelRecovery(TenantAPIView):
    """Calling a recovery off, which concerns every organisation of a person: the action opens the scope of each."""

    permissions = {"POST": Permission.OWN}
    scoped = False

    @operation(
        "cancel_recovery",
        "Call a recovery off",
        request=None,
        answers={200: RecoverySerializer},
        problems=NOT_FOUND | {409: "It was called off or carried out already."},
    )
    def post(self, _request: Request, recovery_id: UUID) -> Response:
        """Keep everything as it is. The owners are told."""
        with tenant_scope(self.tenant.pk):
            _shown(self, recovery_id)
        try:
            cancel_recovery(tenant_id=self.tenant.pk, recovery_id=recovery_id, by=self.actor)
        except Recovery.DoesNotExist:
            detail = "It was called off or carried out already: `cancelled_at` and `done_at` say which."
            raise Problem("recovery-closed", "The recovery is closed", detail, 409) from None
        with tenant_scope(self.tenant.pk):
            return Response(_shown(self, recovery_id))


def _shown(view: TenantAPIView, recovery_id: UUID) -> dict[str, Any]:
    recovery = Recovery.objects.filter(tenant_id=view.tenant.pk, pk=recovery_id).first()
    if recovery is None:
        raise Http404
    return dict(RecoverySerializer(recovery).data)
