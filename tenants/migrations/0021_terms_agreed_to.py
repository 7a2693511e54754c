"""Which terms a person agreed to at sign-up, and when; of those from before, and where none are set, nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0020_tenants_that_name_a_person'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='terms_agreed_at',
            field=models.DateTimeField(blank=True, help_text="When they agreed to the vendor's terms; empty where they were not asked to.", null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='terms_url',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where the terms were that they agreed to.', max_length=500),
        ),
    ]
