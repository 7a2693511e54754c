"""Service tokens, and the database role behind them."""

import uuid

from django.db import migrations, models

from tenants.row_level_security import role


def product_role_is_there(apps, schema_editor):
    """Say what to do, where PostgreSQL would only say that a role is unknown."""
    name = role("product").strip('"')
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        if cursor.fetchone() is None:
            raise RuntimeError(
                f"The database role {name} is missing. As a superuser: CREATE ROLE {name} LOGIN NOSUPERUSER "
                f"NOBYPASSRLS PASSWORD '…'; GRANT USAGE ON SCHEMA public TO {name}; then migrate again."
            )


class Migration(migrations.Migration):
    dependencies = [("tenants", "0010_webhooks")]

    operations = [
        migrations.RunPython(product_role_is_there, migrations.RunPython.noop),
        migrations.CreateModel(
            name="ServiceToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(help_text="What uses it.", max_length=100)),
                ("prefix", models.CharField(help_text="The first characters, to recognise it by.", max_length=12)),
                ("digest", models.CharField(editable=False, help_text="SHA-256 of the token, in hex.", max_length=64)),
                ("reason", models.CharField(max_length=500)),
                ("created_by", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=254)),
                ("revoke_reason", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "default_permissions": (),
                "permissions": [("manage_service_tokens", "Make and revoke service tokens")],
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="service_token_digest_unique"),
                    models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="service_token_has_a_reason"),
                ],
            },
        ),
        migrations.RunSQL(
            # Staff see which there are, never what lets in. The product sees whose a connection is, and no name.
            f"""
            REVOKE SELECT ON tenants_servicetoken FROM {role("staff")};
            GRANT SELECT (id, name, prefix, reason, created_by, created_at, expires_at, last_used_at, revoked_at,
                revoked_by, revoke_reason) ON tenants_servicetoken TO {role("staff")};
            GRANT SELECT (id, reference, customer_number) ON tenants_tenant TO {role("product")};
            CREATE POLICY product_select ON tenants_tenant FOR SELECT TO {role("product")} USING (true);
            """,
            f"""
            DROP POLICY product_select ON tenants_tenant;
            REVOKE SELECT (id, reference, customer_number) ON tenants_tenant FROM {role("product")};
            """,
        ),
    ]
