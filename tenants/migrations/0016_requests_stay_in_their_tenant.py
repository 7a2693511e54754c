"""A kept request belongs to the tenant of its token, in the database too."""

from django.db import migrations

from tenants.row_level_security import same_tenant


class Migration(migrations.Migration):
    dependencies = [("tenants", "0015_people_by_mail_domain")]

    operations = [same_tenant("tenants_idempotentrequest", "token_id", "tenants_apitoken")]
