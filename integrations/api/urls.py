"""The addresses of the API, version 1."""

from django.urls import path

from integrations.api import (
    bulk_verifications,
    components,
    connections,
    external_id_rotation,
    findings,
    hand_off_links,
    product,
    removal_statements,
    role_templates,
    role_updates,
    sessions,
    status_changes,
    verification_reports,
    verifications,
)
from tenants.api.urls import urlpatterns as addresses_of_the_tenant
from tenants.api.views import Schema, docs

app_name = "api"
urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    path("components/", components.Components.as_view(), name="components"),
    path("connections/", connections.Connections.as_view(), name="connections"),
    path("connections/<uuid:connection_id>/", connections.ConnectionDetail.as_view(), name="connection"),
    path("connections/<uuid:connection_id>/pause/", connections.PauseConnection.as_view(), name="pause"),
    path("connections/<uuid:connection_id>/resume/", connections.ResumeConnection.as_view(), name="resume"),
    path(
        "connections/<uuid:connection_id>/role-options/",
        role_templates.RoleOptionsDetail.as_view(),
        name="role_options",
    ),
    path(
        "connections/<uuid:connection_id>/role-templates/<slug:template_format>/",
        role_templates.RoleTemplateFile.as_view(),
        name="role_template",
    ),
    path("connections/<uuid:connection_id>/role-updates/", role_updates.RoleUpdates.as_view(), name="role_updates"),
    path(
        "connections/<uuid:connection_id>/quick-create/",
        role_templates.QuickCreateLink.as_view(),
        name="quick_create",
    ),
    path(
        "connections/<uuid:connection_id>/role-template-downloads/",
        role_templates.Downloads.as_view(),
        name="role_template_downloads",
    ),
    path(
        "connections/<uuid:connection_id>/role-template-downloads/<uuid:download_id>/",
        role_templates.DownloadFile.as_view(),
        name="role_template_download",
    ),
    path(
        "connections/<uuid:connection_id>/hand-off-links/",
        hand_off_links.HandOffLinks.as_view(),
        name="hand_off_links",
    ),
    path(
        "connections/<uuid:connection_id>/hand-off-links/<uuid:link_id>/",
        hand_off_links.HandOffLinkDetail.as_view(),
        name="hand_off_link",
    ),
    path(
        "connections/<uuid:connection_id>/external-id-rotation/",
        external_id_rotation.ExternalIdRotationDetail.as_view(),
        name="external_id_rotation",
    ),
    path(
        "connections/<uuid:connection_id>/sessions/", sessions.ConnectionSessions.as_view(), name="connection_sessions"
    ),
    path(
        "connections/<uuid:connection_id>/status-changes/",
        status_changes.ConnectionStatusChanges.as_view(),
        name="connection_status_changes",
    ),
    path(
        "connections/<uuid:connection_id>/verifications/",
        verifications.ConnectionVerifications.as_view(),
        name="connection_verifications",
    ),
    path(
        "connections/<uuid:connection_id>/removal-statement/",
        removal_statements.RemovalStatementDetail.as_view(),
        name="removal_statement",
    ),
    path("product/connections/", product.ProductConnections.as_view(), name="product_connections"),
    path("product/connections/<uuid:connection_id>/", product.ProductConnection.as_view(), name="product_connection"),
    path(
        "product/connections/<uuid:connection_id>/sessions/",
        product.ProductSessions.as_view(),
        name="product_sessions",
    ),
    path("product/events/", product.ProductEvents.as_view(), name="product_events"),
    path("verifications/", bulk_verifications.RequestVerifications.as_view(), name="verifications"),
    path(
        "verifications/<uuid:verification_id>/report/",
        verification_reports.VerificationReport.as_view(),
        name="verification_report",
    ),
    path("verifications/<uuid:verification_id>/", verifications.VerificationDetail.as_view(), name="verification"),
    path("findings/", findings.Findings.as_view(), name="findings"),
    *addresses_of_the_tenant,
]
