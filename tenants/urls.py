"""The pages of a tenant's own settings."""

from django.urls import path

from tenants.views import audit, invitations, members, settings, single_sign_on, tokens, webhooks

_TENANT = "tenants/<uuid:tenant_id>/"
_WEBHOOK = f"{_TENANT}settings/webhooks/<uuid:endpoint_id>/"

urlpatterns = [
    path("invitations/<slug:secret>/", invitations.invitation_link, name="invitation_link"),
    path("invitation/", invitations.invitation, name="invitation"),
    path(
        "notification-addresses/<slug:secret>/",
        settings.notification_address_confirm,
        name="notification_address_confirm",
    ),
    path(f"{_TENANT}audit/", audit.audit_events, name="audit_events"),
    path(f"{_TENANT}audit/export.csv", audit.audit_export, {"file_format": "csv"}, name="audit_export_csv"),
    path(f"{_TENANT}audit/export.json", audit.audit_export, {"file_format": "json"}, name="audit_export_json"),
    path(f"{_TENANT}settings/", settings.tenant_settings, name="tenant_settings"),
    path(
        f"{_TENANT}settings/notification-addresses/", settings.notification_address_add, name="notification_address_add"
    ),
    path(
        f"{_TENANT}settings/notification-addresses/<uuid:address_id>/remove/",
        settings.notification_address_remove,
        name="notification_address_remove",
    ),
    path(f"{_TENANT}settings/export/", settings.data_export, name="data_export"),
    path(f"{_TENANT}settings/recoveries/<uuid:recovery_id>/cancel/", settings.recovery_cancel, name="recovery_cancel"),
    path(f"{_TENANT}settings/delete/", settings.tenant_delete, name="tenant_delete"),
    path(f"{_TENANT}settings/delete/cancel/", settings.tenant_delete_cancel, name="tenant_delete_cancel"),
    path("domains/<slug:secret>/", single_sign_on.domain_confirm, name="domain_confirm"),
    path(f"{_TENANT}settings/single-sign-on/", single_sign_on.single_sign_on, name="single_sign_on"),
    path(
        f"{_TENANT}settings/single-sign-on/remove/", single_sign_on.single_sign_on_remove, name="single_sign_on_remove"
    ),
    path(f"{_TENANT}settings/single-sign-on/domains/", single_sign_on.domain_add, name="domain_add"),
    path(
        f"{_TENANT}settings/single-sign-on/domains/<uuid:domain_id>/remove/",
        single_sign_on.domain_remove,
        name="domain_remove",
    ),
    path(f"{_TENANT}settings/webhooks/", webhooks.webhooks, name="webhooks"),
    path(f"{_TENANT}settings/webhooks/new/", webhooks.webhook_new, name="webhook_new"),
    path(_WEBHOOK, webhooks.webhook_endpoint, name="webhook_endpoint"),
    path(f"{_WEBHOOK}delete/", webhooks.webhook_delete, name="webhook_delete"),
    path(f"{_WEBHOOK}rotate/", webhooks.webhook_rotate, name="webhook_rotate"),
    path(f"{_WEBHOOK}test/", webhooks.webhook_test, name="webhook_test"),
    path(f"{_WEBHOOK}deliveries/<uuid:delivery_id>/", webhooks.webhook_delivery, name="webhook_delivery"),
    path(f"{_WEBHOOK}deliveries/<uuid:delivery_id>/replay/", webhooks.webhook_replay, name="webhook_replay"),
    path(f"{_TENANT}members/", members.members, name="members"),
    path(f"{_TENANT}members/invite/", invitations.invite, name="invite"),
    path(f"{_TENANT}members/leave/", members.leave, name="leave"),
    path(f"{_TENANT}members/<uuid:user_id>/", members.member_edit, name="member"),
    path(f"{_TENANT}members/<uuid:user_id>/remove/", members.member_remove, name="member_remove"),
    path(f"{_TENANT}members/<uuid:user_id>/transfer/", members.ownership_transfer, name="ownership_transfer"),
    path(f"{_TENANT}invitations/<uuid:invitation_id>/resend/", invitations.invitation_resend, name="invitation_resend"),
    path(f"{_TENANT}invitations/<uuid:invitation_id>/revoke/", invitations.invitation_revoke, name="invitation_revoke"),
    path("tenants/<uuid:tenant_id>/api-tokens/", tokens.api_tokens, name="api_tokens"),
    path(
        "tenants/<uuid:tenant_id>/api-tokens/<uuid:token_id>/revoke/", tokens.api_token_revoke, name="api_token_revoke"
    ),
]
