"""Connections and all below them are apart in the database itself; an external ID is written once."""

from django.db import migrations

from tenants.row_level_security import look_up, same_tenant, tenant_owned


class Migration(migrations.Migration):
    dependencies = [("integrations", "0001_initial"), ("tenants", "0002_row_level_security")]

    operations = [
        tenant_owned("integrations_connection"),
        tenant_owned("integrations_customerrole"),
        tenant_owned("integrations_verification"),
        tenant_owned("integrations_finding"),
        tenant_owned("integrations_provedaccount"),
        same_tenant("integrations_customerrole", "connection_id", "integrations_connection"),
        same_tenant("integrations_verification", "connection_id", "integrations_connection"),
        same_tenant("integrations_provedaccount", "connection_id", "integrations_connection"),
        same_tenant("integrations_finding", "verification_id", "integrations_verification"),
        migrations.RunSQL(
            """
            CREATE FUNCTION external_id_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'an external ID is never changed' USING ERRCODE = 'insufficient_privilege';
            END $$;
            CREATE TRIGGER external_id_is_written_once BEFORE UPDATE ON integrations_connection
                FOR EACH ROW WHEN (NEW.external_id IS DISTINCT FROM OLD.external_id)
                EXECUTE FUNCTION external_id_is_written_once();
            """,
            """
            DROP TRIGGER external_id_is_written_once ON integrations_connection;
            DROP FUNCTION external_id_is_written_once();
            """,
        ),
        look_up(
            "expired_verifications", "", "TABLE (tenant_id uuid, verification_id uuid)",
            """
            SELECT v.tenant_id, v.id FROM integrations_verification v
            WHERE v.state = 'running' AND v.lease_expires_at < now()
            """,
            ("integrations_verification",),
        ),
        look_up(
            "waiting_verifications", "since timestamptz", "TABLE (tenant_id uuid, verification_id uuid)",
            """
            SELECT v.tenant_id, v.id FROM integrations_verification v
            WHERE v.state = 'queued' AND v.requested_at < since
            """,
            ("integrations_verification",),
        ),
        look_up(
            "account_is_proved_by_another", "wanted_account text, asking_tenant uuid", "boolean",
            """
            SELECT EXISTS (
                SELECT 1 FROM integrations_provedaccount p
                WHERE p.account_id = wanted_account AND p.tenant_id <> asking_tenant
            )
            """,
            ("integrations_provedaccount",),
        ),
    ]
