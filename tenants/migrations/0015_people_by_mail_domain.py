"""Support staff find people by the domain of their address; their beginning is found by the index that is there."""

from django.db import migrations, models

from tenants.indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False  # an index that is built beside those who work cannot be in a transaction

    dependencies = [("tenants", "0014_webhook_receiver_is_gone")]

    operations = [
        AddIndexConcurrently(
            "user",
            models.Index(
                models.Func(
                    models.F("email"),
                    models.Value("@"),
                    models.Value(2),
                    function="split_part",
                    output_field=models.CharField(),
                ),
                name="user_by_mail_domain",
            ),
        ),
    ]
