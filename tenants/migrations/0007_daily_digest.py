"""An organisation may get one mail a day instead of one for each change."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_staff_reads_no_secrets")]

    operations = [
        migrations.AddField(
            "tenant",
            "daily_digest",
            models.BooleanField(
                default=False, db_default=False, help_text="Changes of status are told once a day, but for an unsafe role."
            ),
        ),
    ]
