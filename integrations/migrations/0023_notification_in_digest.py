"""Notifications that wait for the digest of the day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0022_deployed_version")]

    operations = [
        migrations.AddField(
            "notification",
            "in_digest",
            models.BooleanField(
                default=False, db_default=False, help_text="It waits for the others of the day, and goes out with them."
            ),
        ),
    ]
