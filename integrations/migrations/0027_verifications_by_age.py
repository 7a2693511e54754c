"""A tenant's verifications by when they were asked for: what an hour's quota counts, and what is old."""

from django.db import migrations, models

from tenants.indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("integrations", "0026_dropped_role_options")]

    operations = [
        AddIndexConcurrently(
            "verification", models.Index(fields=["tenant", "requested_at"], name="verification_of_tenant_by_age")
        ),
    ]
