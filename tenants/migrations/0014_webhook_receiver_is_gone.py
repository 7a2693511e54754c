"""A webhook endpoint that answers 410 is switched off at once, as one that is gone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0013_tokens_made_with_tokens")]

    operations = [
        migrations.AlterField(
            "webhookendpoint",
            "disabled_by",
            models.CharField(
                blank=True,
                choices=[
                    ("customer", "Switched off"),
                    ("failures", "Switched off by us, since it failed for too long"),
                    ("gone", "Switched off by us, since it answered that it is gone"),
                ],
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint("webhookendpoint", "webhook_endpoint_disabled_by_somebody"),
        # Endpoints are few, ten of a tenant, so that looking at each is short.
        migrations.AddConstraint(
            "webhookendpoint",
            models.CheckConstraint(
                condition=models.Q(("disabled_by", ""), ("enabled", True))
                | models.Q(("disabled_by__in", ["customer", "failures", "gone"]), ("enabled", False)),
                name="webhook_endpoint_disabled_by_somebody",
            ),
        ),
    ]
