"""The addresses of the API about a tenant's own affairs, which stand beside those of what it connected."""

from django.urls import path

from tenants.api import (
    audit_events,
    data_export,
    deletion,
    domains,
    invitations,
    members,
    notification_addresses,
    recoveries,
    single_sign_on,
    tenant,
    tokens,
    webhooks,
)

_WEBHOOK = "webhook-endpoints/<uuid:endpoint_id>/"
urlpatterns = [
    path("tenant/", tenant.TenantDetail.as_view(), name="tenant"),
    path("tenant/deletion/", deletion.TenantDeletion.as_view(), name="tenant_deletion"),
    path("tenant/export/", data_export.DataExport.as_view(), name="data_export"),
    path("single-sign-on/", single_sign_on.SingleSignOn.as_view(), name="single_sign_on"),
    path("domains/", domains.Domains.as_view(), name="domains"),
    path("domains/<uuid:domain_id>/", domains.DomainDetail.as_view(), name="domain"),
    path("recoveries/", recoveries.Recoveries.as_view(), name="recoveries"),
    path("recoveries/<uuid:recovery_id>/", recoveries.RecoveryDetail.as_view(), name="recovery"),
    path("recoveries/<uuid:recovery_id>/cancel/", recoveries.CancelRecovery.as_view(), name="recovery_cancel"),
    path("members/", members.Members.as_view(), name="members"),
    path("members/<uuid:user_id>/", members.MemberDetail.as_view(), name="member"),
    path("members/<uuid:user_id>/transfer/", members.OwnershipTransfer.as_view(), name="ownership_transfer"),
    path("invitations/", invitations.Invitations.as_view(), name="invitations"),
    path("invitations/<uuid:invitation_id>/", invitations.InvitationDetail.as_view(), name="invitation"),
    path("invitations/<uuid:invitation_id>/resend/", invitations.ResendInvitation.as_view(), name="invitation_resend"),
    path("api-tokens/", tokens.Tokens.as_view(), name="api_tokens"),
    path("api-tokens/<uuid:token_id>/", tokens.TokenDetail.as_view(), name="api_token"),
    path(
        "notification-addresses/",
        notification_addresses.NotificationAddresses.as_view(),
        name="notification_addresses",
    ),
    path(
        "notification-addresses/<uuid:address_id>/",
        notification_addresses.NotificationAddressDetail.as_view(),
        name="notification_address",
    ),
    path("audit-events/", audit_events.AuditEvents.as_view(), name="audit_events"),
    path("webhook-endpoints/", webhooks.WebhookEndpoints.as_view(), name="webhook_endpoints"),
    path(_WEBHOOK, webhooks.WebhookEndpointDetail.as_view(), name="webhook_endpoint"),
    path(f"{_WEBHOOK}rotate/", webhooks.RotateWebhookSecret.as_view(), name="webhook_rotate"),
    path(f"{_WEBHOOK}test/", webhooks.TestWebhookEndpoint.as_view(), name="webhook_test"),
    path(f"{_WEBHOOK}deliveries/", webhooks.WebhookDeliveries.as_view(), name="webhook_deliveries"),
    path(
        f"{_WEBHOOK}deliveries/<uuid:delivery_id>/", webhooks.WebhookDeliveryDetail.as_view(), name="webhook_delivery"
    ),
    path(
        f"{_WEBHOOK}deliveries/<uuid:delivery_id>/replay/",
        webhooks.ReplayWebhookDelivery.as_view(),
        name="webhook_replay",
    ),
]
