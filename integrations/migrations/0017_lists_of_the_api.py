"""Indexes of the API's lists: findings of a tenant across its connections, and connections by name."""

from django.db import migrations, models

from tenants.indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("integrations", "0016_vendor_sessions")]

    operations = [
        AddIndexConcurrently("finding", models.Index(fields=["tenant", "-id"], name="finding_of_tenant")),
        AddIndexConcurrently("connection", models.Index(fields=["tenant", "name", "id"], name="connection_by_name")),
    ]
