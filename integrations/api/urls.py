"""The addresses of the API, version 1."""

from django.urls import path

from integrations.api import components, connections, sessions, status_changes, verifications
from tenants.api.views import Schema

app_name = "api"
urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("components/", components.Components.as_view(), name="components"),
    path("connections/", connections.Connections.as_view(), name="connections"),
    path("connections/<uuid:connection_id>/", connections.ConnectionDetail.as_view(), name="connection"),
    path("connections/<uuid:connection_id>/pause/", connections.PauseConnection.as_view(), name="pause"),
    path("connections/<uuid:connection_id>/resume/", connections.ResumeConnection.as_view(), name="resume"),
    path(
        "connections/<uuid:connection_id>/role-templates/cloudformation/",
        connections.CloudFormationTemplate.as_view(),
        name="cloudformation_template",
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
    path("verifications/<uuid:verification_id>/", verifications.VerificationDetail.as_view(), name="verification"),
]
