from django.db import migrations, models

from tenants.row_level_security import look_up


class Migration(migrations.Migration):
    dependencies = [("integrations", "0009_catalogue_release"), ("tenants", "0002_row_level_security")]

    operations = [
        migrations.AddField(
            model_name="verification",
            name="scheduled",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Nobody waits for it: it goes after those that somebody asked for.",
            ),
        ),
        look_up(
            # Each tenant's longest overdue connection before any tenant's second, and none of a tenant that has its
            # share of the queue: what it has waiting there are turns that it has had. `due_connections`, which knew no
            # share, is what the release before this one calls.
            "due_connections_with_room", "most integer, most_of_tenant integer",
            "TABLE (tenant_id uuid, connection_id uuid)",
            """
            SELECT due.tenant_id, due.id FROM (
                SELECT c.tenant_id, c.id, c.next_verification_at,
                    coalesce(w.waiting, 0)
                    + row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.next_verification_at) AS turn
                FROM integrations_connection c
                LEFT JOIN (
                    SELECT v.tenant_id, count(*) AS waiting FROM integrations_verification v
                    WHERE v.state = 'queued' GROUP BY v.tenant_id
                ) w ON w.tenant_id = c.tenant_id
                WHERE c.next_verification_at <= now()
            ) due WHERE due.turn <= most_of_tenant ORDER BY due.turn, due.next_verification_at LIMIT most
            """,
            ("integrations_connection", "integrations_verification"),
        ),
    ]
