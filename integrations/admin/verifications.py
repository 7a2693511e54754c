"""Verifications and their findings, hop by hop, for support staff."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from integrations.admin.labels import label, lines, moment
from integrations.aws.errors import redact
from integrations.models import Finding, Verification
from tenants.admin import ReadOnlyAdmin, ReadOnlyInline


class FindingInline(ReadOnlyInline):
    """The findings, role by role, in the order in which they landed.

    AWS's words may name the customer's organisation and its policies: that is the customer's to see, not the staff's.
    """

    model = Finding
    fields = ("component", "checked", "result", "who_acts", "what", "duration_ms")
    per_page = 100
    ordering = ("component", "id")

    @admin.display(description="check")
    def checked(self, finding: Finding) -> SafeString:
        """What was checked, and where."""
        return lines(finding.check_code, finding.action, finding.region)

    @admin.display(description="outcome")
    def result(self, finding: Finding) -> SafeString:
        """What the check saw."""
        return label(Finding.Outcome(finding.outcome))

    @admin.display(description="who must act")
    def who_acts(self, finding: Finding) -> str:
        """Who must act, if anybody."""
        return "-" if finding.who == Finding.Who.NOBODY else str(Finding.Who(finding.who).label)

    @admin.display(description="finding")
    def what(self, finding: Finding) -> SafeString:
        """Title, AWS's words without what is the customer's alone, and what to do."""
        return lines(*(redact(text) for text in (finding.title, finding.detail, finding.fix)))


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """Verifications of all tenants, the latest first."""

    list_display = ("asked_at", "tenant", "connection", "checks", "how_far", "failure", "requested_by", "ended_at")
    list_filter = ("state", "checks", "requested_at")
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
        ("checks", "how_far", "failure"),
        ("requested_by", "requested_at"),
        ("started_at", "finished_at"),
        ("attempt", "catalogue_version"),
    )
    readonly_fields = (
        "tenant",
        "connection",
        "checks",
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

    @admin.display(description="state", ordering="state")
    def how_far(self, verification: Verification) -> SafeString:
        """How far it is."""
        return label(Verification.State(verification.state))

    @admin.display(description="requested at", ordering="requested_at")
    def asked_at(self, verification: Verification) -> SafeString | str:
        """When it was asked for."""
        return moment(verification.requested_at)

    @admin.display(description="finished at", ordering="finished_at")
    def ended_at(self, verification: Verification) -> SafeString | str:
        """When it ended."""
        return moment(verification.finished_at)
