"""Verifications and their findings, hop by hop, for support staff."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from integrations.aws.errors import redact
from integrations.models import Finding, Verification
from tenants.admin import ReadOnlyAdmin, ReadOnlyInline

STATE_COLOURS = {"Completed": "success", "Failed": "danger", "Running": "info", "Queued": "info"}
OUTCOME_COLOURS = {
    "Passed": "success",
    "Denied": "warning",
    "Violated": "danger",
    "Error": "danger",
    "Throttled": "info",
    "Not applicable": "info",
    "Skipped": "info",
}


class FindingInline(ReadOnlyInline):
    """The findings, role by role, in the order in which they landed.

    AWS's words may name the customer's organisation and its policies: that is the customer's to see, not the staff's.
    """

    model = Finding
    fields = ("component", "check_code", "action", "region", "result", "who", "what", "duration_ms")
    per_page = 100
    ordering = ("component", "id")

    @display(description="outcome", label=OUTCOME_COLOURS)  # type: ignore[untyped-decorator]
    def result(self, finding: Finding) -> str:
        """What the check saw."""
        return str(Finding.Outcome(finding.outcome).label)

    @display(description="finding")  # type: ignore[untyped-decorator]
    def what(self, finding: Finding) -> str:
        """Title, AWS's words without what is the customer's alone, and what to do."""
        return "\n".join(redact(text) for text in (finding.title, finding.detail, finding.fix) if text)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """Verifications of all tenants, the latest first."""

    list_display = ("requested_at", "tenant", "connection", "how_far", "failure", "requested_by", "finished_at")
    list_filter = ("state", "requested_at")
    list_select_related = ("tenant", "connection")
    search_fields = (
        "=id",
        "tenant__name",
        "connection__account_id__startswith",
        "connection__external_id",
        "requested_by",
    )
    search_help_text = "Id, tenant, account id, external ID, or who asked for it"
    fields = (
        ("tenant", "connection"),
        ("how_far", "failure"),
        ("requested_by", "requested_at"),
        ("started_at", "finished_at"),
        ("attempt", "catalogue_version"),
    )
    readonly_fields = (
        "tenant",
        "connection",
        "how_far",
        "failure",
        "requested_by",
        "requested_at",
        "started_at",
        "finished_at",
        "attempt",
        "catalogue_version",
    )
    inlines = (FindingInline,)
    ordering = ("-requested_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With tenant and connection."""
        rows: QuerySet[Any] = super().get_queryset(request).select_related("tenant", "connection")
        return rows

    @display(description="state", ordering="state", label=STATE_COLOURS)  # type: ignore[untyped-decorator]
    def how_far(self, verification: Verification) -> str:
        """How far it is."""
        return str(Verification.State(verification.state).label)
