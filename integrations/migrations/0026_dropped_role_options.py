from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0025_staff_pages")]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="dropped_tag_keys",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="Tags that were chosen once and are no more: an update takes these off the roles, and no other.",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="dropped_boundary_arns",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="Permissions boundaries that were chosen once and are no more, for the same purpose.",
            ),
        ),
    ]
