"""The pages of connections and verifications."""

from django.urls import path

from integrations.views import connections, out_of_use, sandbox_stacks, sessions, verifications

_CONNECTION = "tenants/<uuid:tenant_id>/connections/<uuid:connection_id>/"

urlpatterns = [
    path("tenants/<uuid:tenant_id>/connections/", connections.connections, name="connections"),
    path("tenants/<uuid:tenant_id>/connections/new/", connections.connection_new, name="connection_new"),
    path(_CONNECTION, connections.connection, name="connection"),
    path(f"{_CONNECTION}components/", connections.components, name="connection_components"),
    path(f"{_CONNECTION}account/", connections.account, name="connection_account"),
    path(f"{_CONNECTION}role-templates/cloudformation/", connections.role_template, name="role_template"),
    path(f"{_CONNECTION}sandbox-stack/", sandbox_stacks.stack_deploy, name="sandbox_stack_deploy"),
    path(f"{_CONNECTION}sandbox-stack/delete/", sandbox_stacks.stack_delete, name="sandbox_stack_delete"),
    path(f"{_CONNECTION}pause/", out_of_use.pause_roles, name="connection_pause"),
    path(f"{_CONNECTION}resume/", out_of_use.resume_roles, name="connection_resume"),
    path(f"{_CONNECTION}remove/", out_of_use.remove, name="connection_remove"),
    path(f"{_CONNECTION}removal-statement/", out_of_use.removal_statement, name="removal_statement"),
    path(f"{_CONNECTION}sessions/", sessions.sessions, name="sessions"),
    path(f"{_CONNECTION}verify/", verifications.verify, name="verify"),
    path(f"{_CONNECTION}verifications/<uuid:verification_id>/", verifications.verification, name="verification"),
]
