"""Which webhook endpoints come next: those of tenants that hold few workers first, and of each tenant's
own the one whose last turn is longest ago.
"""

from django.db import migrations


def _due_webhook_endpoints(*, turn: str) -> str:
    """The look-up with another order; its owner, its grants and its policies stay as they were made with it."""
    return f"""
        CREATE OR REPLACE FUNCTION due_webhook_endpoints(most integer)
        RETURNS TABLE (tenant_id uuid, endpoint_id uuid)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $look_up$
            SELECT waiting.tenant_id, waiting.id FROM (
                SELECT e.tenant_id, e.id, due.first_at, {turn} AS turn
                FROM (
                    SELECT d.endpoint_id, min(d.due_at) AS first_at FROM tenants_webhookdelivery d
                    WHERE d.due_at <= now() GROUP BY d.endpoint_id
                ) due JOIN tenants_webhookendpoint e ON e.id = due.endpoint_id
                WHERE e.enabled AND (e.leased_until IS NULL OR e.leased_until <= now())
            ) waiting ORDER BY waiting.turn, waiting.first_at LIMIT most
        $look_up$;
        """


class Migration(migrations.Migration):
    dependencies = [("tenants", "0018_who_asks_for_a_domain")]

    operations = [
        migrations.RunSQL(
            # The limit itself is not kept here: two who look at once see the same.
            _due_webhook_endpoints(
                turn="""
                row_number() OVER (PARTITION BY e.tenant_id ORDER BY e.leased_until NULLS FIRST, due.first_at) + (
                    SELECT count(*) FROM tenants_webhookendpoint held
                    WHERE held.tenant_id = e.tenant_id AND held.leased_until > now()
                )
                """
            ),
            _due_webhook_endpoints(turn="row_number() OVER (PARTITION BY e.tenant_id ORDER BY due.first_at)"),
        ),
    ]
