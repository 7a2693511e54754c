"""Where a person is written down as member, as maker of a token or as sender of an invitation: looked up before the
person's row goes, since what the database asks of foreign keys knows nothing of row-level security.
"""

from django.db import migrations

from tenants.row_level_security import look_up


class Migration(migrations.Migration):
    dependencies = [("tenants", "0019_webhook_turns")]

    operations = [
        look_up(
            "tenants_that_name_user", "wanted_user uuid", "SETOF uuid",
            """
            SELECT tenant_id FROM tenants_member WHERE user_id = wanted_user
            UNION SELECT tenant_id FROM tenants_apitoken WHERE created_by_id = wanted_user
            UNION SELECT tenant_id FROM tenants_invitation WHERE invited_by_id = wanted_user
            ORDER BY tenant_id
            """,
            ("tenants_member", "tenants_apitoken", "tenants_invitation"),
        ),
    ]  # fmt: skip
