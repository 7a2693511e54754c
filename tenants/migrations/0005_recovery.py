"""Recovery of a lost owner or a lost second factor."""

import uuid

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

from tenants.row_level_security import look_up, role, tenant_owned


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_settings")]

    operations = [
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("group", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("kind", models.CharField(choices=[("owner", "Make this person an owner"), ("second_factor", "Take this person's second factor off")], max_length=20)),
                ("email", models.EmailField(max_length=254)),
                ("reason", models.CharField(max_length=500)),
                ("requested_by", models.CharField(max_length=254)),
                ("requested_at", models.DateTimeField(auto_now_add=True)),
                ("effective_at", models.DateTimeField()),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="recoveries", to="tenants.tenant")),
            ],
            options={
                "verbose_name_plural": "recoveries",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("kind__in", ["owner", "second_factor"])), name="recovery_kind_known"),
                    models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="recovery_has_a_reason"),
                    models.CheckConstraint(condition=models.Q(("email", django.db.models.functions.text.Lower("email"))), name="recovery_email_is_lower_case"),
                    models.UniqueConstraint(condition=models.Q(("cancelled_at__isnull", True), ("done_at__isnull", True)), fields=("tenant", "email", "kind"), name="recovery_one_open_of_a_kind"),
                ],
            },
        ),
        tenant_owned("tenants_recovery"),
        # What is due, unless an owner of any of the person's tenants called it off.
        look_up(
            "recoveries_due", "due timestamptz", "TABLE (recovery_id uuid, tenant_id uuid)",
            """
            SELECT r.id, r.tenant_id FROM tenants_recovery r
            WHERE r.effective_at <= due AND r.done_at IS NULL AND r.cancelled_at IS NULL
              AND NOT EXISTS (SELECT FROM tenants_recovery o WHERE o."group" = r."group" AND o.cancelled_at IS NOT NULL)
            ORDER BY r.effective_at, r.id
            """,
            ("tenants_recovery",),
        ),
        migrations.RunSQL(
            # Reads by the policy of the look-up above.
            f"""
            CREATE FUNCTION recoveries_of_group(wanted_group uuid) RETURNS TABLE (recovery_id uuid, tenant_id uuid)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
                SELECT r.id, r.tenant_id FROM tenants_recovery r
                WHERE r."group" = wanted_group AND r.cancelled_at IS NULL AND r.done_at IS NULL
            $$;
            REVOKE ALL ON FUNCTION recoveries_of_group(uuid) FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION recoveries_of_group(uuid) TO {role("default")};
            """,
            "DROP FUNCTION recoveries_of_group(uuid);",
        ),
    ]
