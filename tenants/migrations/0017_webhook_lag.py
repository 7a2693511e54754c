"""How many webhook deliveries are due, and how late they are: figures of the installation."""

from django.db import migrations

from tenants.row_level_security import look_up


class Migration(migrations.Migration):
    dependencies = [("tenants", "0016_requests_stay_in_their_tenant")]

    operations = [
        look_up(
            # Where the last attempt failed the endpoint is what is late, and not we.
            "webhooks_due", "", "TABLE (deliveries bigint, lag_seconds bigint)",
            """
            SELECT count(*),
                coalesce(extract(epoch FROM now() - min(d.due_at) FILTER (WHERE e.failing_since IS NULL)), 0)::bigint
            FROM tenants_webhookdelivery d JOIN tenants_webhookendpoint e ON e.id = d.endpoint_id
            WHERE d.due_at <= now() AND e.enabled
            """,
            ("tenants_webhookdelivery", "tenants_webhookendpoint"),
        ),
    ]
