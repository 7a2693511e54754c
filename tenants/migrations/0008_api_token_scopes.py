"""API tokens have scopes, an end, and know whether a second factor stood behind them.

Tokens that exist may do what they could: read, verify and manage, without an end.
"""

from django.db import migrations, models

import tenants.models.token
from tenants.row_level_security import role


class Migration(migrations.Migration):
    dependencies = [("tenants", "0007_daily_digest")]

    operations = [
        migrations.AddField(
            "apitoken",
            "scopes",
            models.JSONField(
                db_default=["read", "verify", "manage"],
                default=tenants.models.token.least_scopes,
                help_text="What it may be used for.",
            ),
        ),
        migrations.AddField(
            "apitoken",
            "second_factor",
            models.BooleanField(
                help_text="Whether it was made with a second factor; empty for tokens from before this was noted.",
                null=True,
            ),
        ),
        migrations.AddField(
            "apitoken",
            "expires_at",
            models.DateTimeField(
                blank=True,
                help_text="When it ends by itself; empty for tokens from before they had an end.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            "apitoken",
            models.CheckConstraint(
                condition=models.Q(
                    ("scopes__contained_by", ["read", "verify", "manage", "administer"]),
                    models.Q(("scopes", []), _negated=True),
                ),
                name="api_token_scopes_known",
            ),
        ),
        migrations.RunSQL(
            f"GRANT SELECT (scopes, second_factor, expires_at) ON tenants_apitoken TO {role('staff')};",
            f"REVOKE SELECT (scopes, second_factor, expires_at) ON tenants_apitoken FROM {role('staff')};",
        ),
    ]
