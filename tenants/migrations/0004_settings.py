"""Settings of a tenant, its notification addresses, its deletion; and what of people's sign-in staff may read."""

import uuid

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

from tenants.row_level_security import look_up, role, tenant_owned


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0003_invitations"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        migrations.AddField("tenant", "require_second_factor", models.BooleanField(default=False, db_default=False, help_text="Members without a second factor set one up before anything else.")),
        migrations.AddField("tenant", "customer_number", models.CharField(blank=True, max_length=40, help_text="The vendor's own number of this customer, set by its support staff.", default="", db_default="")),
        migrations.AddField("tenant", "deletion_requested_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("tenant", "deletion_due_at", models.DateTimeField(blank=True, null=True, help_text="When its connections are removed, and then the organisation itself.")),
        migrations.AddIndex("tenant", models.Index(fields=["deletion_due_at"], condition=models.Q(("deletion_due_at__isnull", False)), name="tenant_deletion_due")),
        migrations.AddIndex("tenant", models.Index(fields=["customer_number"], name="tenant_customer_number")),
        migrations.CreateModel(
            name="NotificationAddress",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254)),
                ("digest", models.CharField(editable=False, help_text="SHA-256 of the link's secret, in hex.", max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="notification_addresses", to="tenants.tenant")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "email"), name="notification_address_once_per_tenant"),
                    models.UniqueConstraint(fields=("digest",), name="notification_address_digest_unique"),
                    models.CheckConstraint(condition=models.Q(("email", django.db.models.functions.text.Lower("email"))), name="notification_address_lower_case"),
                ],
            },
        ),
        tenant_owned("tenants_notificationaddress"),
        look_up(
            "notification_address_by_digest", "wanted_digest text", "TABLE (address_id uuid, tenant_id uuid)",
            "SELECT a.id, a.tenant_id FROM tenants_notificationaddress a WHERE a.digest = wanted_digest",
            ("tenants_notificationaddress",),
        ),
        look_up(
            "tenants_to_delete", "due timestamptz", "SETOF uuid",
            "SELECT id FROM tenants_tenant WHERE deletion_due_at <= due ORDER BY deletion_due_at",
            ("tenants_tenant",),
        ),
        migrations.RunSQL(
            # Staff see who has a second factor, never what makes its codes, and no session of anybody.
            f"""
            REVOKE SELECT ON tenants_notificationaddress FROM {role("staff")};
            GRANT SELECT (id, tenant_id, email, created_at, verified_at) ON tenants_notificationaddress TO {role("staff")};
            REVOKE SELECT ON mfa_authenticator FROM {role("staff")};
            GRANT SELECT (id, user_id, type, created_at, last_used_at) ON mfa_authenticator TO {role("staff")};
            REVOKE SELECT ON usersessions_usersession FROM {role("staff")};
            """,
            f"""
            GRANT SELECT ON tenants_notificationaddress, mfa_authenticator, usersessions_usersession TO {role("staff")};
            """,
        ),
        migrations.RunSQL(
            # What a deleted tenant's audit events tell of people is erased by this one function, which refuses a tenant
            # that is there. The events stay; nothing else ever changes one.
            f"""
            CREATE OR REPLACE FUNCTION audit_events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'UPDATE' AND current_setting('rolebridge.erasing', true) = OLD.tenant_id::text
                    AND current_user = {role("owner").replace('"', "'")}
                    AND (NEW.id, NEW.at, NEW.tenant_id, NEW.action, NEW.actor_kind, NEW.target_kind, NEW.target_id, NEW.request_id)
                      = (OLD.id, OLD.at, OLD.tenant_id, OLD.action, OLD.actor_kind, OLD.target_kind, OLD.target_id, OLD.request_id)
                THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'insufficient_privilege';
            END $$;
            CREATE POLICY erase_people_select ON tenants_auditevent FOR SELECT TO {role("owner")}
                USING (tenant_id::text = current_setting('rolebridge.erasing', true));
            CREATE POLICY erase_people_update ON tenants_auditevent FOR UPDATE TO {role("owner")}
                USING (tenant_id::text = current_setting('rolebridge.erasing', true));
            CREATE FUNCTION erase_people_of_deleted_tenant(deleted_tenant uuid) RETURNS bigint
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
            DECLARE erased bigint;
            BEGIN
                IF EXISTS (SELECT FROM tenants_tenant WHERE id = deleted_tenant) THEN
                    RAISE EXCEPTION 'the tenant is not deleted' USING ERRCODE = 'insufficient_privilege';
                END IF;
                PERFORM set_config('rolebridge.erasing', deleted_tenant::text, true);
                UPDATE tenants_auditevent
                SET actor_name = '', actor_id = '', address = NULL,
                    data = (SELECT coalesce(jsonb_object_agg(key, value), '{{}}') FROM jsonb_each(data)
                            WHERE key IN ('account_id', 'components', 'component', 'role', 'previous_role', 'before',
                                          'after', 'rounds', 'failure', 'connection', 'connections_not_proved'))
                WHERE tenant_id = deleted_tenant;
                GET DIAGNOSTICS erased = ROW_COUNT;
                PERFORM set_config('rolebridge.erasing', '', true);
                RETURN erased;
            END $$;
            REVOKE ALL ON FUNCTION erase_people_of_deleted_tenant(uuid) FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION erase_people_of_deleted_tenant(uuid) TO {role("default")};
            """,
            """
            DROP FUNCTION erase_people_of_deleted_tenant(uuid);
            DROP POLICY erase_people_update ON tenants_auditevent;
            DROP POLICY erase_people_select ON tenants_auditevent;
            CREATE OR REPLACE FUNCTION audit_events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'insufficient_privilege';
            END $$;
            """,
        ),
    ]
