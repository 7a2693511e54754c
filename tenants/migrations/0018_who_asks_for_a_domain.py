"""Whoever is to confirm a mail domain reads who asks for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0017_webhook_lag")]

    operations = [
        migrations.AddField(
            "tenantdomain",
            "requested_by",
            models.CharField(
                blank=True, db_default="", default="", help_text="Whom the link's reader can ask.", max_length=254
            ),
        ),
    ]
