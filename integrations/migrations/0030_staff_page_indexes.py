"""The indexes of the staff pages, made while everybody works.

They were part of migration 0025, which held one table while it waited for the next: somebody at work and it could wait
for each other, and where PostgreSQL saw it too late, it was not the migration that gave way. Where 0025 has made them,
nothing is done.
"""

from django.db import migrations, models

from tenants.indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("integrations", "0029_verifications_with_findings")]

    operations = [
        AddIndexConcurrently(
            "connection", models.Index(fields=["worst_status", "created_at", "id"], name="connection_by_status")
        ),
        AddIndexConcurrently("connection", models.Index(fields=["worst_status_since"], name="connection_by_age")),
        AddIndexConcurrently(
            "connection",
            models.Index(fields=["account_id"], name="connection_by_account", opclasses=["varchar_pattern_ops"]),
        ),
        AddIndexConcurrently(
            "connection",
            models.Index(fields=["external_id"], name="connection_by_external_id", opclasses=["varchar_pattern_ops"]),
        ),
        AddIndexConcurrently(
            "finding",
            models.Index(
                condition=models.Q(("outcome__in", ["denied", "violated", "error"])),
                fields=["created_at"],
                include=("cause",),
                name="finding_not_well",
            ),
        ),
        AddIndexConcurrently("session", models.Index(fields=["opened_at", "id"], name="session_of_all_tenants")),
        AddIndexConcurrently(
            "verification", models.Index(fields=["requested_at", "id"], name="verification_of_all_tenants")
        ),
        AddIndexConcurrently(
            "verification",
            models.Index(condition=models.Q(("state", "failed")), fields=["finished_at"], name="verification_failed"),
        ),
    ]
