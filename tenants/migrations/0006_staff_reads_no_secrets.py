"""What would let somebody in is not the support staff's to read: digests of API tokens, and sessions of the portal."""

from django.db import migrations

from tenants.row_level_security import role


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_recovery"), ("sessions", "0001_initial")]

    operations = [
        migrations.RunSQL(
            f"""
            REVOKE SELECT ON tenants_apitoken FROM {role("staff")};
            GRANT SELECT (id, tenant_id, name, prefix, created_by_id, created_at, last_used_at, revoked_at)
                ON tenants_apitoken TO {role("staff")};
            REVOKE ALL ON django_session FROM {role("staff")};
            """,
            f"""
            GRANT SELECT, INSERT, UPDATE, DELETE ON django_session TO {role("staff")};
            GRANT SELECT ON tenants_apitoken TO {role("staff")};
            """,
        ),
    ]
