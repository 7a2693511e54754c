"""The product enters each role with the external ID that it is known to accept while a rotation is under way."""

from django.db import migrations

from tenants.row_level_security import role


class Migration(migrations.Migration):
    dependencies = [("integrations", "0023_notification_in_digest")]

    operations = [
        migrations.RunSQL(
            f"""
            GRANT SELECT (new_external_id_at) ON integrations_customerrole TO {role("product")};
            GRANT SELECT (id, tenant_id, connection_id, previous_external_id, new_external_id, started_at, all_moved_at,
                finished_at, cancelled_at) ON integrations_externalidrotation TO {role("product")};
            CREATE POLICY product_select ON integrations_externalidrotation FOR SELECT TO {role("product")} USING (true);
            """,
            f"""
            DROP POLICY product_select ON integrations_externalidrotation;
            REVOKE ALL ON integrations_externalidrotation FROM {role("product")};
            REVOKE SELECT (new_external_id_at) ON integrations_customerrole FROM {role("product")};
            """,
        ),
    ]
