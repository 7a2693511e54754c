"""Tenants are apart in the database itself; audit events can be added and nothing else."""

from django.db import migrations

from tenants.row_level_security import look_up, role, tenant_owned


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
        ("sessions", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION current_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
            AS $$ SELECT nullif(current_setting('rolebridge.tenant_id', true), '')::uuid $$;
            """,
            "DROP FUNCTION current_tenant_id();",
        ),
        tenant_owned("tenants_tenant", "id"),
        tenant_owned("tenants_member"),
        tenant_owned("tenants_apitoken"),
        tenant_owned("tenants_auditevent"),
        migrations.RunSQL(
            # What concerns no tenant (a staff login) may be written from anywhere, and is read by staff alone.
            f"""
            CREATE POLICY no_tenant_insert ON tenants_auditevent FOR INSERT TO {role("default")}
                WITH CHECK (tenant_id IS NULL);
            CREATE POLICY staff_insert ON tenants_auditevent FOR INSERT TO {role("staff")} WITH CHECK (true);
            GRANT INSERT ON tenants_auditevent TO {role("staff")};
            CREATE FUNCTION audit_events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'insufficient_privilege';
            END $$;
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tenants_auditevent
                FOR EACH ROW EXECUTE FUNCTION audit_events_are_append_only();
            CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON tenants_auditevent
                FOR EACH STATEMENT EXECUTE FUNCTION audit_events_are_append_only();
            """,
            f"""
            DROP TRIGGER append_only_truncate ON tenants_auditevent;
            DROP TRIGGER append_only ON tenants_auditevent;
            DROP FUNCTION audit_events_are_append_only();
            REVOKE INSERT ON tenants_auditevent FROM {role("staff")};
            DROP POLICY staff_insert ON tenants_auditevent;
            DROP POLICY no_tenant_insert ON tenants_auditevent;
            """,
        ),
        look_up(
            "tenants_of_user", "wanted_user uuid", "SETOF uuid",
            "SELECT tenant_id FROM tenants_member WHERE user_id = wanted_user ORDER BY created_at",
            ("tenants_member",),
        ),
        look_up(
            "api_token_by_digest", "wanted_digest text", "TABLE (token_id uuid, tenant_id uuid)",
            "SELECT t.id, t.tenant_id FROM tenants_apitoken t WHERE t.digest = wanted_digest AND t.revoked_at IS NULL",
            ("tenants_apitoken",),
        ),
        migrations.RunSQL(
            # Django admin keeps its session, its log and the time of the last login; staff writes nothing else.
            f"""
            GRANT INSERT, UPDATE, DELETE ON django_session TO {role("staff")};
            GRANT INSERT ON django_admin_log TO {role("staff")};
            GRANT UPDATE (last_login) ON tenants_user TO {role("staff")};
            """,
            f"""
            REVOKE UPDATE (last_login) ON tenants_user FROM {role("staff")};
            REVOKE INSERT ON django_admin_log FROM {role("staff")};
            REVOKE INSERT, UPDATE, DELETE ON django_session FROM {role("staff")};
            """,
        ),
    ]
