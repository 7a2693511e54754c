"""Answers to requests that carried an `Idempotency-Key`, kept for a day."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from tenants.row_level_security import look_up, role, tenant_owned


class Migration(migrations.Migration):
    dependencies = [("tenants", "0008_api_token_scopes")]

    operations = [
        migrations.CreateModel(
            name="IdempotentRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(help_text="SHA-256 of method, address and body, in hex.", max_length=64)),
                ("claim", models.UUIDField(help_text="Of the process that does it: only the latest claim may keep an answer.")),
                ("claimed_at", models.DateTimeField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("headers", models.JSONField(default=dict)),
                ("sealed_secret", models.TextField(blank=True, help_text="The answer, sealed: what is shown once may be in it.")),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant")),
                ("token", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.apitoken")),
            ],
            options={
                "indexes": [models.Index(fields=["claimed_at"], name="idempotent_request_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("token", "key"), name="idempotent_request_once_per_token"),
                    models.CheckConstraint(condition=models.Q(("key", ""), _negated=True), name="idempotent_request_has_a_key"),
                ],
            },
        ),
        tenant_owned("tenants_idempotentrequest"),
        look_up(
            "tenants_with_old_idempotent_requests", "until timestamptz", "TABLE (tenant_id uuid)",
            "SELECT DISTINCT r.tenant_id FROM tenants_idempotentrequest r WHERE r.claimed_at < until",
            ("tenants_idempotentrequest",),
        ),
        migrations.RunSQL(
            # What was answered to a program is nothing that support needs to see.
            f"REVOKE ALL ON tenants_idempotentrequest FROM {role('staff')};",
            f"GRANT SELECT ON tenants_idempotentrequest TO {role('staff')};",
        ),
    ]
