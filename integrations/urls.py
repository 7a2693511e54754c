"""The pages of connections and verifications."""

from django.urls import path

from integrations.views import (
    connection_list,
    connections,
    external_id_rotation,
    findings,
    hand_off,
    out_of_use,
    role_templates,
    sandbox_stacks,
    sessions,
    verification_reports,
    verifications,
)

_CONNECTION = "tenants/<uuid:tenant_id>/connections/<uuid:connection_id>/"

urlpatterns = [
    path("tenants/<uuid:tenant_id>/connections/", connection_list.connections, name="connections"),
    path("tenants/<uuid:tenant_id>/connections/verify/", connection_list.verify_connections, name="verify_connections"),
    path("tenants/<uuid:tenant_id>/connections/new/", connections.connection_new, name="connection_new"),
    path(_CONNECTION, connections.connection, name="connection"),
    path(f"{_CONNECTION}components/", connections.components, name="connection_components"),
    path(f"{_CONNECTION}account/", connections.account, name="connection_account"),
    path(f"{_CONNECTION}external-id-rotation/", external_id_rotation.external_id_rotation, name="external_id_rotation"),
    path(f"{_CONNECTION}external-id-rotation/start/", external_id_rotation.rotation_start, name="rotation_start"),
    path(f"{_CONNECTION}external-id-rotation/cancel/", external_id_rotation.rotation_cancel, name="rotation_cancel"),
    path(f"{_CONNECTION}guide/", role_templates.guide, name="guide"),
    path(f"{_CONNECTION}what-you-will-see/", role_templates.what_you_will_see, name="what_you_will_see"),
    path(f"{_CONNECTION}role-options/", role_templates.role_options, name="role_options"),
    path(f"{_CONNECTION}role-templates/", role_templates.role_template_downloads, name="role_template_downloads"),
    path(f"{_CONNECTION}role-templates/<slug:template_format>/", role_templates.role_template, name="role_template"),
    path(
        f"{_CONNECTION}role-templates/again/<uuid:download_id>/",
        role_templates.role_template_again,
        name="role_template_again",
    ),
    path(f"{_CONNECTION}quick-create/", role_templates.quick_create, name="quick_create"),
    path(f"{_CONNECTION}hand-off/", hand_off.hand_off_links, name="hand_off_links"),
    path(f"{_CONNECTION}hand-off/<uuid:link_id>/revoke/", hand_off.hand_off_link_revoke, name="hand_off_link_revoke"),
    path("hand-off/<str:text>/", hand_off.hand_off, name="hand_off"),
    path("hand-off/<str:text>/what-you-will-see/", hand_off.hand_off_will_see, name="hand_off_will_see"),
    path(
        "hand-off/<str:text>/role-templates/<slug:template_format>/",
        hand_off.hand_off_template,
        name="hand_off_template",
    ),
    path(f"{_CONNECTION}sandbox-stack/", sandbox_stacks.stack_deploy, name="sandbox_stack_deploy"),
    path(f"{_CONNECTION}sandbox-stack/delete/", sandbox_stacks.stack_delete, name="sandbox_stack_delete"),
    path(f"{_CONNECTION}pause/", out_of_use.pause_roles, name="connection_pause"),
    path(f"{_CONNECTION}resume/", out_of_use.resume_roles, name="connection_resume"),
    path(f"{_CONNECTION}remove/", out_of_use.remove, name="connection_remove"),
    path(f"{_CONNECTION}removal-statement/", out_of_use.removal_statement, name="removal_statement"),
    path(f"{_CONNECTION}sessions/", sessions.sessions, name="sessions"),
    path(f"{_CONNECTION}findings/", findings.findings, name="findings"),
    path(f"{_CONNECTION}verify/", verifications.verify, name="verify"),
    path(f"{_CONNECTION}verifications/<uuid:verification_id>/", verifications.verification, name="verification"),
    path(
        f"{_CONNECTION}verifications/<uuid:verification_id>/report/",
        verification_reports.verification_report,
        name="verification_report",
    ),
    path(
        f"{_CONNECTION}verifications/<uuid:verification_id>/report.json",
        verification_reports.verification_report_file,
        name="verification_report_file",
    ),
]
