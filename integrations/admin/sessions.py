"""Receipts of sessions, for support staff: found by what stands in a customer's CloudTrail."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from integrations.admin.labels import lines, moment
from integrations.models import Session
from tenants.admin import ReadOnlyAdmin


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Sessions of all tenants, the latest first. No credential is here: none is kept."""

    list_display = ("opened", "tenant", "connection", "component", "purpose", "role", "access_key_id", "expires")
    list_filter = ("purpose", "opened_at")
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
        "verification",
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
