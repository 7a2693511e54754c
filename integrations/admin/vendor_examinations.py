"""The vendor doctor for support staff: the last examinations of the vendor's own side, and a button for a new one."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from integrations.actions.vendor_examinations import QueueUnavailable, request_examination
from integrations.admin.labels import coloured, lines, moment
from integrations.models import VendorExamination
from tenants.admin import ReadOnlyAdmin
from tenants.audit import Actor
from tenants.models import User

_COLOURS = {"passed": "success", "failed": "danger", "unknown": "warning", "queued": "info"}


@admin.register(VendorExamination)
class VendorExaminationAdmin(ReadOnlyAdmin):
    """Examinations, the latest first."""

    list_display = ("asked_at", "result", "requested_by", "integration_role_id", "ended_at")
    list_filter = ("state",)
    search_fields = ("requested_by", "integration_role_id")
    fields = ("asked_at", "result", "requested_by", "integration_role_id", "ended_at", "to_do", "checks", "limits")
    readonly_fields = fields
    change_list_template = "admin/integrations/vendorexamination/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """With the address of the button."""
        examine = path(
            "examine/",
            self.admin_site.admin_view(require_POST(self.examine)),
            name="integrations_vendorexamination_examine",
        )
        urls: list[URLPattern] = super().get_urls()
        return [examine, *urls]

    def examine(self, request: HttpRequest) -> HttpResponse:
        """Ask for an examination, as the member of staff."""
        assert isinstance(request.user, User)  # noqa: S101 — staff is signed in
        try:
            request_examination(by=Actor.staff(request.user))
        except QueueUnavailable as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, "An examination is under way. Load this page again in a minute.")
        return HttpResponseRedirect(reverse("admin:integrations_vendorexamination_changelist"))

    @admin.display(description="requested at", ordering="requested_at")
    def asked_at(self, examination: VendorExamination) -> SafeString | str:
        """When it was asked for."""
        return moment(examination.requested_at)

    @admin.display(description="result", ordering="state")
    def result(self, examination: VendorExamination) -> SafeString:
        """How it ended."""
        state = VendorExamination.State(examination.state)
        return coloured(str(state.label), _COLOURS[state])

    @admin.display(description="finished at")
    def ended_at(self, examination: VendorExamination) -> SafeString | str:
        """When it ended."""
        return moment(examination.finished_at)

    @admin.display(description="what to do")
    def to_do(self, examination: VendorExamination) -> SafeString | str:
        """Whatever is not well, with its fix."""
        return (
            lines(
                *(
                    f"{check['about']}: {check['title']}. {check['fix']} {check['detail']}"
                    for check in self._checks(examination)
                    if check["state"] != "passed"
                )
            )
            or "nothing"
        )

    @admin.display(description="what is so")
    def checks(self, examination: VendorExamination) -> SafeString | str:
        """What was proved."""
        proved = (
            f"{check['about']}: {check['title']}" for check in self._checks(examination) if check["state"] == "passed"
        )
        return lines(*proved) or "-"

    @admin.display(description="limits")
    def limits(self, examination: VendorExamination) -> SafeString | str:
        """How much of AWS's limits is used."""
        meters = examination.report.get("meters", [])
        return (
            lines(
                *(
                    f"{meter['about']} {meter['name'].replace('_', ' ')}: {meter['used']} of {meter['limit']} "
                    f"{meter['unit']}"
                    for meter in meters
                )
            )
            or "-"
        )

    def _checks(self, examination: VendorExamination) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = examination.report.get("checks", [])
        return checks
