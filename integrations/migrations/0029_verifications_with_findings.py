"""Verifications whose findings are there, by age: without it those that are rolled up are read at every look."""

from django.db import migrations, models

from tenants.indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("integrations", "0028_retention")]

    operations = [
        AddIndexConcurrently(
            "verification",
            models.Index(
                fields=["requested_at"],
                condition=models.Q(rolled_up__isnull=True),
                name="verification_with_findings",
            ),
        ),
    ]
