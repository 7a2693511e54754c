"""Receipts that a claimant of another tenant's account is not to read."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0030_staff_page_indexes")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="withheld",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Its tenant is not to read it: another one proved the account."
            ),
        ),
    ]
