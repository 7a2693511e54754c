"""Invitations; a tenant that cannot be left without an owner; the address of an audit event."""

import uuid

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from tenants.row_level_security import look_up, role, tenant_owned


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_row_level_security")]

    operations = [
        migrations.AddField(
            "auditevent",
            "address",
            models.GenericIPAddressField(null=True, help_text="Where the request came from."),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254)),
                ("role", models.CharField(choices=[("owner", "Owner"), ("admin", "Admin"), ("viewer", "Viewer")], max_length=10)),
                ("digest", models.CharField(editable=False, help_text="SHA-256 of the link's secret, in hex.", max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("invited_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="invitations", to="tenants.tenant")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="invitation_digest_unique"),
                    models.UniqueConstraint(condition=models.Q(("accepted_at__isnull", True), ("revoked_at__isnull", True)), fields=("tenant", "email"), name="invitation_one_open_per_address"),
                    models.CheckConstraint(condition=models.Q(("email", django.db.models.functions.text.Lower("email"))), name="invitation_email_is_lower_case"),
                    models.CheckConstraint(condition=models.Q(("role__in", ["owner", "admin", "viewer"])), name="invitation_role_known"),
                ],
            },
        ),
        tenant_owned("tenants_invitation"),
        look_up(
            "invitation_by_digest", "wanted_digest text", "TABLE (invitation_id uuid, tenant_id uuid)",
            "SELECT i.id, i.tenant_id FROM tenants_invitation i WHERE i.digest = wanted_digest",
            ("tenants_invitation",),
        ),
        migrations.RunSQL(
            # Staff see who was invited, never what opens the invitation.
            f"""
            REVOKE SELECT ON tenants_invitation FROM {role("staff")};
            GRANT SELECT (id, tenant_id, email, role, invited_by_id, created_at, expires_at, accepted_at, revoked_at)
                ON tenants_invitation TO {role("staff")};
            """,
            f"GRANT SELECT ON tenants_invitation TO {role('staff')};",
        ),
        migrations.RunSQL(
            # Looked at when the transaction ends, so that an owner can be replaced and a tenant deleted within it. Who
            # takes an owner away waits for the other who does, and then sees what that one left (READ COMMITTED).
            f"""
            CREATE POLICY tenant_has_an_owner ON tenants_tenant FOR SELECT TO {role("owner")} USING (true);
            CREATE FUNCTION tenant_has_an_owner() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public, pg_temp AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock(hashtextextended('owner of ' || OLD.tenant_id::text, 0));
                IF EXISTS (SELECT FROM tenants_tenant WHERE id = OLD.tenant_id)
                    AND NOT EXISTS (SELECT FROM tenants_member WHERE tenant_id = OLD.tenant_id AND role = 'owner')
                THEN
                    RAISE EXCEPTION 'a tenant needs an owner'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'tenant_has_an_owner';
                END IF;
                RETURN NULL;
            END $$;
            REVOKE ALL ON FUNCTION tenant_has_an_owner() FROM PUBLIC;
            CREATE CONSTRAINT TRIGGER tenant_has_an_owner AFTER UPDATE OR DELETE ON tenants_member
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.role = 'owner')
                EXECUTE FUNCTION tenant_has_an_owner();
            """,
            """
            DROP TRIGGER tenant_has_an_owner ON tenants_member;
            DROP FUNCTION tenant_has_an_owner();
            DROP POLICY tenant_has_an_owner ON tenants_tenant;
            """,
        ),
    ]
