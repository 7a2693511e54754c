"""An API token can be made with another one, and then ends with it."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.row_level_security import role, same_tenant


class Migration(migrations.Migration):
    dependencies = [("tenants", "0012_single_sign_on")]

    operations = [
        migrations.AddField(
            "apitoken",
            "made_with",
            models.ForeignKey(
                blank=True,
                help_text="The token that a program made this one with: it ends with that one.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="made",
                to="tenants.apitoken",
            ),
        ),
        migrations.AddConstraint(
            "apitoken", models.UniqueConstraint(fields=("tenant", "id"), name="api_token_of_one_tenant")
        ),
        same_tenant("tenants_apitoken", "made_with_id", "tenants_apitoken"),
        migrations.RunSQL(
            f"GRANT SELECT (made_with_id) ON tenants_apitoken TO {role('staff')};",
            f"REVOKE SELECT (made_with_id) ON tenants_apitoken FROM {role('staff')};",
        ),
    ]
