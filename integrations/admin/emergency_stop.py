"""The emergency stop for staff: one button, with a reason, that pauses everything; and the one that lifts it."""

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from integrations.actions import emergency_stop
from integrations.admin.labels import coloured, lines, moment
from integrations.models import EmergencyStop
from tenants.admin import ReadOnlyAdmin
from tenants.audit import Actor
from tenants.models import User

# It cuts every customer off, or lets everybody in again: not for everybody who looks.
PERMISSION = "integrations.use_emergency_stop"


@admin.register(EmergencyStop)
class EmergencyStopAdmin(ReadOnlyAdmin):
    """Emergency stops, and the button that starts or lifts one."""

    change_list_template = "integrations/admin/emergency_stops.html"
    list_display = ("started", "is_on", "started_by", "reason", "lifted", "lifted_by")
    fields = (
        ("started", "started_by"),
        "reason",
        ("lifted", "lifted_by"),
        "lift_reason",
        "its_roles",
        "its_policy",
        "its_sessions",
    )
    readonly_fields = (
        "started",
        "started_by",
        "reason",
        "lifted",
        "lifted_by",
        "lift_reason",
        "its_roles",
        "its_policy",
        "its_sessions",
    )
    ordering = ("-started_at",)

    def get_urls(self) -> list[URLPattern]:
        """With the address that the button posts to."""
        switch = path("switch/", self.admin_site.admin_view(require_POST(self.switch)), name="emergency_stop_switch")
        return [switch, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list below the button."""
        more = {
            "active_stop": emergency_stop.active_stop(),
            "in_use": emergency_stop.in_use(),
            "may_use_it": request.user.has_perm(PERMISSION),
        }
        response: HttpResponse = super().changelist_view(request, (extra_context or {}) | more)
        return response

    def switch(self, request: HttpRequest) -> HttpResponse:
        """Start the stop or lift it, by what the button says, with the reason that was given."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        assert isinstance(request.user, User)  # noqa: S101 — staff is signed in
        lift = request.POST.get("wanted") == "lift"
        act = emergency_stop.lift_stop if lift else emergency_stop.start_stop
        # Postgres takes no NUL, and the reason is one line of at most so many characters.
        reason = " ".join(request.POST.get("reason", "").replace("\x00", " ").split())[:500]
        try:
            stop = act(reason=reason, by=Actor.staff(request.user))
        except (emergency_stop.NoReason, emergency_stop.NotStopped) as error:
            messages.error(request, str(error))
            return redirect("admin:integrations_emergencystop_changelist")
        if lift:
            messages.success(request, "The emergency stop is lifted. Every role becomes what it was, within seconds.")
        else:
            messages.warning(request, "The emergency stop is on. Workers open no session more, within two seconds.")
        return redirect("admin:integrations_emergencystop_change", stop.pk)

    @admin.display(description="started at", ordering="started_at")
    def started(self, stop: EmergencyStop) -> SafeString | str:
        """When it was started."""
        return moment(stop.started_at)

    @admin.display(description="lifted at", ordering="lifted_at")
    def lifted(self, stop: EmergencyStop) -> SafeString | str:
        """When it was lifted."""
        return moment(stop.lifted_at)

    @admin.display(description="state")
    def is_on(self, stop: EmergencyStop) -> SafeString:
        """Whether it is on."""
        return coloured("On", "danger") if stop.is_active else coloured("Lifted", "")

    @admin.display(description="roles to revoke sessions of")
    def its_roles(self, _stop: EmergencyStop) -> SafeString:
        """The vendor's roles that customers trust."""
        return lines(*emergency_stop.trusted_roles())

    @admin.display(description="policy for these roles")
    def its_policy(self, stop: EmergencyStop) -> SafeString:
        """The inline policy that ends their sessions from before the stop."""
        policy = json.dumps(emergency_stop.revoke_policy(stop), indent=2)
        return format_html('<pre class="whitespace-pre-wrap break-all">{}</pre>', policy)

    @admin.display(description="sessions that were open")
    def its_sessions(self, stop: EmergencyStop) -> SafeString:
        """A link to their receipts."""
        address = f"{reverse('admin:integrations_session_changelist')}?open={stop.pk}"
        return format_html('<a class="underline" href="{}">Show their receipts</a>', address)
