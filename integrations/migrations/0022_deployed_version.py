from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0021_external_id_rotation")]

    operations = [
        migrations.AddField(
            model_name="customerrole",
            name="deployed_version",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The component's version that it was made for, as it was last seen; empty where that is not known.",
                max_length=20,
            ),
        ),
    ]
