"""Receipts of sessions, for support staff: found by what stands in a customer's CloudTrail."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from integrations.admin.labels import lines, moment
from integrations.models import EmergencyStop, Session, VendorSession
from tenants.admin import ReadOnlyAdmin


class OpenFilter(admin.SimpleListFilter):
    """By when they were open."""

    title = "open"
    parameter_name = "open"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Now, and at each of the last emergency stops."""
        return [("now", "now"), *((str(stop.pk), str(stop)) for stop in EmergencyStop.objects.all()[:5])]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that were open then."""
        at = timezone.now() if self.value() == "now" else self._started_at(self.value())
        return queryset.filter(opened_at__lte=at, expires_at__gt=at) if at else queryset

    def _started_at(self, value: str | None) -> datetime | None:
        stops = {str(stop.pk): stop.started_at for stop in EmergencyStop.objects.all()[:5]}
        return stops.get(value or "")


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Sessions of all tenants, the latest first. No credential is here: none is kept."""

    list_display = ("opened", "tenant", "connection", "component", "purpose", "role", "access_key_id", "expires")
    list_filter = (OpenFilter, "purpose", "opened_at")
    list_select_related = ("tenant", "connection")
    search_fields = (
        "=access_key_id",
        "=request_id",
        "=session_name",
        "=source_identity",
        "tenant__name",
        "connection__account_id__startswith",
    )
    search_help_text = "Access key id, request id, session name, source identity, tenant or account id"
    fields = (
        ("tenant", "connection"),
        ("component", "purpose"),
        ("opened_at", "expires_at"),
        ("role_arn", "role_id"),
        ("session_name", "source_identity"),
        ("access_key_id", "request_id"),
        ("tags", "transitive_tag_keys"),
        ("policy_sha256", "packed_policy_percent"),
        ("verification", "withheld"),
    )
    readonly_fields = (
        "tenant",
        "connection",
        "component",
        "purpose",
        "opened_at",
        "expires_at",
        "role_arn",
        "role_id",
        "session_name",
        "source_identity",
        "access_key_id",
        "request_id",
        "tags",
        "transitive_tag_keys",
        "policy_sha256",
        "packed_policy_percent",
        "verification",
        "withheld",
    )
    ordering = ("-opened_at", "-pk")

    @admin.display(description="opened at", ordering="opened_at")
    def opened(self, session: Any) -> SafeString | str:
        """When it was opened."""
        return moment(session.opened_at)

    @admin.display(description="expires at", ordering="expires_at")
    def expires(self, session: Any) -> SafeString | str:
        """When it ends by itself."""
        return moment(session.expires_at)

    @admin.display(description="role and session name")
    def role(self, session: Session) -> SafeString:
        """Both in one column."""
        return lines(session.role_arn, session.session_name)


@admin.register(VendorSession)
class VendorSessionAdmin(ReadOnlyAdmin):
    """Sessions in our own roles that served no one customer's role, the latest first."""

    list_display = ("opened", "component", "purpose", "role_arn", "access_key_id", "expires")
    list_filter = (OpenFilter, "purpose", "opened_at")
    search_fields = ("=access_key_id", "=request_id", "=session_name")
    search_help_text = "Access key id, request id or session name"
    fields = (
        ("component", "purpose"),
        ("opened_at", "expires_at"),
        ("role_arn", "role_id"),
        ("session_name", "source_identity"),
        ("access_key_id", "request_id"),
        ("tags", "transitive_tag_keys"),
        ("policy_sha256", "packed_policy_percent"),
    )

    @admin.display(description="opened at", ordering="opened_at")
    def opened(self, session: VendorSession) -> SafeString | str:
        """When it was opened."""
        return moment(session.opened_at)

    @admin.display(description="expires at", ordering="expires_at")
    def expires(self, session: VendorSession) -> SafeString | str:
        """When it ends by itself."""
        return moment(session.expires_at)
