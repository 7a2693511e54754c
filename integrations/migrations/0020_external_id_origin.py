"""An external ID may be from before the portal: longer than ours, marked, and due for rotation."""

from django.db import migrations, models

import integrations.models.connection


class Migration(migrations.Migration):
    dependencies = [("integrations", "0019_product_reads")]

    operations = [
        migrations.RunSQL(
            # PostgreSQL changes no column that a trigger names: the triggers go and come back exactly as they are.
            """
            DO $$
            DECLARE
                kept text[];
                one record;
            BEGIN
                FOR one IN SELECT tgname, pg_get_triggerdef(oid) AS definition FROM pg_trigger
                    WHERE tgrelid = 'integrations_connection'::regclass AND NOT tgisinternal
                LOOP
                    kept := kept || one.definition;
                    EXECUTE format('DROP TRIGGER %I ON integrations_connection', one.tgname);
                END LOOP;
                ALTER TABLE integrations_connection ALTER COLUMN external_id TYPE varchar(256);
                FOR place IN 1 .. coalesce(array_length(kept, 1), 0) LOOP
                    EXECUTE kept[place];
                END LOOP;
            END $$;
            """,
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AlterField(
                    model_name="connection",
                    name="external_id",
                    field=models.CharField(default=integrations.models.connection.new_external_id, editable=False, max_length=256),
                ),
            ],
        ),
        migrations.AddField(
            model_name="connection",
            name="external_id_origin",
            field=models.CharField(choices=[("generated", "Made by us"), ("imported", "Imported from before: rotation is due")], db_default="generated", default="generated", editable=False, max_length=10),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.CheckConstraint(
                condition=models.Q(("external_id_origin", "imported"), models.Q(("external_id__regex", "^rb-[a-z2-7]{32}$"), ("external_id_origin", "generated")), _connector="OR"),
                name="connection_external_id_is_ours_or_imported",
            ),
        ),
    ]
