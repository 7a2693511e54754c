"""The vendor's own side for staff: whether it works, and whether the roles that customers trust are the same still."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from integrations.actions import vendor_identity
from integrations.admin.emergency_stop import PERMISSION
from integrations.admin.labels import coloured, lines, moment
from integrations.models import IntegrationRole, VendorIdentity
from tenants.admin import ReadOnlyAdmin
from tenants.audit import Actor
from tenants.models import User


@admin.register(VendorIdentity)
class VendorIdentityAdmin(ReadOnlyAdmin):
    """What the worker last found of base → A → B."""

    list_display = ("state", "began", "checked", "cause")
    fields = (("state", "began"), "checked", "cause", "detail", "component_roles")
    readonly_fields = ("state", "began", "checked", "cause", "detail", "component_roles")

    @admin.display(description="our own side")
    def state(self, identity: VendorIdentity) -> SafeString:
        """Whether it works."""
        return coloured("Works", "success") if identity.works else coloured("Broken", "danger")

    @admin.display(description="since")
    def began(self, identity: VendorIdentity) -> SafeString | str:
        """Since when."""
        return moment(identity.since)

    @admin.display(description="component roles that do not work")
    def component_roles(self, identity: VendorIdentity) -> SafeString | str:
        """Each with what AWS said."""
        return lines(*(f"{component}: {said}" for component, said in identity.broken_components.items())) or "none"

    @admin.display(description="checked at")
    def checked(self, identity: VendorIdentity) -> SafeString | str:
        """When it was last checked."""
        return moment(identity.checked_at)


@admin.register(IntegrationRole)
class IntegrationRoleAdmin(ReadOnlyAdmin):
    """The roles that customers trust, by their unique ids, and the button that acknowledges a recreated one."""

    change_form_template = "integrations/admin/integration_role.html"
    list_display = ("role_arn", "role_id", "seen", "state")
    fields = (
        "role_arn",
        "role_id",
        ("seen", "state"),
        ("acknowledged_at", "acknowledged_by"),
        "reason",
        "what_to_do",
    )
    readonly_fields = (
        "role_arn",
        "role_id",
        "seen",
        "state",
        "acknowledged_at",
        "acknowledged_by",
        "reason",
        "what_to_do",
    )
    ordering = ("-first_seen_at",)

    def get_urls(self) -> list[URLPattern]:
        """With the address that the button posts to."""
        view = self.admin_site.admin_view(require_POST(self.acknowledge))
        return [path("<int:role>/acknowledge/", view, name="integration_role_acknowledge"), *super().get_urls()]

    def acknowledge(self, request: HttpRequest, role: int) -> HttpResponse:
        """Acknowledge a recreated role with the reason that was given."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        assert isinstance(request.user, User)  # noqa: S101 — staff is signed in
        found = get_object_or_404(IntegrationRole, pk=role)
        reason = " ".join(request.POST.get("reason", "").replace("\x00", " ").split())[:500]
        try:
            vendor_identity.acknowledge_role(role=found, reason=reason, by=Actor.staff(request.user))
        except vendor_identity.NoReason as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The recreated role is acknowledged.")
        return redirect("admin:integrations_integrationrole_change", found.pk)

    @admin.display(description="first seen at", ordering="first_seen_at")
    def seen(self, role: IntegrationRole) -> SafeString | str:
        """When this id was first seen."""
        return moment(role.first_seen_at)

    @admin.display(description="state")
    def state(self, role: IntegrationRole) -> SafeString:
        """Whether it is an alarm."""
        return coloured("Known", "success") if role.acknowledged_at else coloured("Recreated", "danger")

    @admin.display(description="what to do")
    def what_to_do(self, role: Any) -> SafeString | str:
        """What the alarm asks for."""
        return "nothing" if role.acknowledged_at else lines(vendor_identity.WHAT_TO_DO)
