"""Old findings are rolled up into counts. The look-up names tenants that keep something too old."""

from django.db import migrations, models

from tenants.row_level_security import look_up

# As `integrations.actions.retention` has it: another verification after this one says how things stand.
SUPERSEDED = """
    v.state IN ('completed', 'failed') AND EXISTS (
        SELECT FROM integrations_verification later
        WHERE later.connection_id = v.connection_id AND later.requested_at > v.requested_at AND later.checks = 'all'
          AND (later.state = 'completed' OR NOT (v.state = 'completed' AND v.checks = 'all'))
    )
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0027_verifications_by_age")]

    operations = [
        migrations.AddField(
            model_name="verification",
            name="rolled_up",
            field=models.JSONField(
                blank=True,
                help_text="How many findings of each kind there were, once they are deleted; empty while they are there.",
                null=True,
            ),
        ),
        look_up(
            "tenants_with_old_verifications",
            "findings_since timestamptz, verifications_since timestamptz, most integer",
            "TABLE (tenant_id uuid)",
            f"""
            SELECT old.tenant_id FROM (
                SELECT v.tenant_id, v.requested_at AS at FROM integrations_verification v
                WHERE v.rolled_up IS NULL AND v.requested_at < findings_since AND {SUPERSEDED}
                UNION ALL
                SELECT v.tenant_id, v.requested_at FROM integrations_verification v
                WHERE v.requested_at < verifications_since AND {SUPERSEDED}
                UNION ALL
                SELECT s.tenant_id, s.opened_at FROM integrations_session s WHERE s.opened_at < verifications_since
            ) old GROUP BY old.tenant_id ORDER BY min(old.at) LIMIT most
            """,
            ("integrations_verification", "integrations_session"),
        ),
    ]
