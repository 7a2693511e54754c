"""A connection's own copy of the worst status of its roles, which lists of 100,000 are filtered and ordered by.

A trigger keeps it, so that no way to change a role can forget it.
"""

import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Now

CHOICES = [("awaiting", "Awaiting"), ("connected", "Connected"), ("degraded", "Degraded"), ("unreachable", "Unreachable"), ("unsafe", "Unsafe"), ("paused", "Paused"), ("removing", "Removing"), ("removed", "Removed")]


class Migration(migrations.Migration):
    dependencies = [("integrations", "0017_lists_of_the_api")]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="worst_status",
            field=models.CharField(choices=CHOICES, db_default="awaiting", default="awaiting", editable=False, help_text="The worst status of its customer roles, kept by a trigger.", max_length=12),
        ),
        migrations.AddField(
            model_name="connection",
            name="worst_status_since",
            field=models.DateTimeField(db_default=Now(), default=django.utils.timezone.now, editable=False),
        ),
        migrations.RunSQL(
            # The order is that of `integrations.models.connection.worst`; a test compares them. The table is locked for
            # the moment in which the copies are made: its owner sees no rows while row-level security is forced.
            """
            CREATE FUNCTION worst_role_status(wanted uuid) RETURNS TABLE (status varchar, since timestamptz)
            LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
                SELECT r.status, r.status_since FROM integrations_customerrole r WHERE r.connection_id = wanted
                ORDER BY array_position(
                    ARRAY['unsafe', 'unreachable', 'degraded', 'awaiting', 'connected', 'removing', 'paused', 'removed']
                        ::varchar[], r.status), r.status_since
                LIMIT 1
            $$;
            CREATE FUNCTION connection_shows_worst_status() RETURNS trigger LANGUAGE plpgsql
            SET search_path = public, pg_temp AS $$
            DECLARE
                worst record;
                of_connection uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.connection_id ELSE NEW.connection_id END;
            BEGIN
                SELECT * INTO worst FROM worst_role_status(of_connection);
                UPDATE integrations_connection c
                SET worst_status = coalesce(worst.status, 'awaiting'),
                    worst_status_since = coalesce(worst.since, c.created_at)
                WHERE c.id = of_connection
                  AND (c.worst_status, c.worst_status_since) IS DISTINCT FROM
                    (coalesce(worst.status, 'awaiting'), coalesce(worst.since, c.created_at));
                RETURN NULL;
            END $$;
            CREATE TRIGGER connection_shows_worst_status_of_new AFTER INSERT OR DELETE ON integrations_customerrole
                FOR EACH ROW EXECUTE FUNCTION connection_shows_worst_status();
            CREATE TRIGGER connection_shows_worst_status AFTER UPDATE ON integrations_customerrole
                FOR EACH ROW WHEN ((NEW.status, NEW.status_since) IS DISTINCT FROM (OLD.status, OLD.status_since))
                EXECUTE FUNCTION connection_shows_worst_status();
            ALTER TABLE integrations_connection NO FORCE ROW LEVEL SECURITY;
            ALTER TABLE integrations_customerrole NO FORCE ROW LEVEL SECURITY;
            UPDATE integrations_connection c
                SET worst_status = coalesce(w.status, 'awaiting'), worst_status_since = coalesce(w.since, c.created_at)
                FROM integrations_connection o LEFT JOIN LATERAL worst_role_status(o.id) w ON true
                WHERE c.id = o.id;
            SET CONSTRAINTS ALL IMMEDIATE;
            ALTER TABLE integrations_customerrole FORCE ROW LEVEL SECURITY;
            ALTER TABLE integrations_connection FORCE ROW LEVEL SECURITY;
            """,
            """
            DROP TRIGGER connection_shows_worst_status ON integrations_customerrole;
            DROP TRIGGER connection_shows_worst_status_of_new ON integrations_customerrole;
            DROP FUNCTION connection_shows_worst_status();
            DROP FUNCTION worst_role_status(uuid);
            """,
        ),
    ]
