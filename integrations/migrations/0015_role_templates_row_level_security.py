"""Role templates, their downloads and hand-off links are apart in the database itself."""

from django.db import migrations

from tenants.row_level_security import look_up, same_tenant, tenant_owned


class Migration(migrations.Migration):
    dependencies = [("integrations", "0014_role_templates")]

    operations = [
        tenant_owned("integrations_roletemplate"),
        tenant_owned("integrations_roletemplatedownload"),
        tenant_owned("integrations_handofflink"),
        same_tenant("integrations_roletemplate", "connection_id", "integrations_connection"),
        same_tenant("integrations_roletemplatedownload", "connection_id", "integrations_connection"),
        same_tenant("integrations_roletemplatedownload", "role_template_id", "integrations_roletemplate"),
        same_tenant("integrations_handofflink", "connection_id", "integrations_connection"),
        look_up(
            "hand_off_link_by_digest", "wanted_digest text", "TABLE (link_id uuid, tenant_id uuid)",
            "SELECT l.id, l.tenant_id FROM integrations_handofflink l WHERE l.digest = wanted_digest",
            ("integrations_handofflink",),
        ),
    ]
