"""Rotations of external IDs; and a register of all that were ever issued, so that none is used again."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

import integrations.models.connection
from tenants.row_level_security import look_up, role, same_tenant, tenant_owned


class Migration(migrations.Migration):
    dependencies = [("integrations", "0020_external_id_origin")]

    operations = [
        migrations.AddField(
            model_name="customerrole",
            name="new_external_id_at",
            field=models.DateTimeField(
                blank=True, null=True, help_text="In a rotation: when it was seen to accept the new external ID."
            ),
        ),
        migrations.AddField(
            model_name="customerrole",
            name="previous_external_id_refused_at",
            field=models.DateTimeField(
                blank=True, null=True, help_text="In a rotation: when it was seen to refuse the previous external ID."
            ),
        ),
        migrations.CreateModel(
            name="IssuedExternalId",
            fields=[
                (
                    "digest",
                    models.CharField(help_text="SHA-256, in hex.", max_length=64, primary_key=True, serialize=False),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ExternalIdRotation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("previous_external_id", models.CharField(editable=False, max_length=256)),
                (
                    "new_external_id",
                    models.CharField(
                        default=integrations.models.connection.new_external_id, editable=False, max_length=64
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("started_by", models.CharField(max_length=254)),
                (
                    "all_moved_at",
                    models.DateTimeField(blank=True, help_text="When every role was seen to accept the new.", null=True),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, help_text="When every role had refused the previous.", null=True),
                ),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "next_reminder_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When people are next told what is left to do; empty once it has ended.",
                        null=True,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="external_id_rotations",
                        to="integrations.connection",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at"],
                "indexes": [
                    models.Index(fields=["connection", "-started_at"], name="external_id_rotation_latest"),
                    models.Index(
                        condition=models.Q(("next_reminder_at__isnull", False)),
                        fields=["next_reminder_at"],
                        name="external_id_rotation_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cancelled_at", None), ("finished_at", None)),
                        fields=("connection",),
                        name="external_id_rotation_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("new_external_id__regex", "^rb-[a-z2-7]{32}$")),
                        name="external_id_rotation_new_id_is_ours",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("finished_at", None),
                            models.Q(("all_moved_at__isnull", False), ("cancelled_at", None)),
                            _connector="OR",
                        ),
                        name="external_id_rotation_finished_after_all_moved",
                    ),
                ],
            },
        ),
        tenant_owned("integrations_externalidrotation"),
        same_tenant("integrations_externalidrotation", "connection_id", "integrations_connection"),
        migrations.RunSQL(
            f"""
            REVOKE ALL ON integrations_issuedexternalid FROM {role("default")}, {role("staff")};
            INSERT INTO integrations_issuedexternalid (digest)
                SELECT encode(sha256(convert_to(c.external_id, 'UTF8')), 'hex') FROM integrations_connection c;

            CREATE FUNCTION external_id_is_used_once() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
            DECLARE
                issued text := to_jsonb(NEW) ->> TG_ARGV[0];
            BEGIN
                INSERT INTO integrations_issuedexternalid (digest)
                    VALUES (encode(sha256(convert_to(issued, 'UTF8')), 'hex'));
                RETURN NEW;
            EXCEPTION WHEN unique_violation THEN
                RAISE EXCEPTION 'an external ID is never used again' USING ERRCODE = 'unique_violation';
            END $$;
            REVOKE ALL ON FUNCTION external_id_is_used_once() FROM PUBLIC;
            CREATE TRIGGER external_id_is_used_once BEFORE INSERT ON integrations_connection
                FOR EACH ROW EXECUTE FUNCTION external_id_is_used_once('external_id');
            CREATE TRIGGER external_id_is_used_once BEFORE INSERT ON integrations_externalidrotation
                FOR EACH ROW EXECUTE FUNCTION external_id_is_used_once('new_external_id');

            CREATE FUNCTION rotated_external_ids_are_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    RAISE EXCEPTION 'the external IDs of a rotation are never changed'
                        USING ERRCODE = 'insufficient_privilege';
                ELSIF NOT EXISTS (
                    SELECT 1 FROM integrations_connection c
                    WHERE c.id = NEW.connection_id AND c.external_id = NEW.previous_external_id
                ) THEN
                    RAISE EXCEPTION 'a rotation begins with the external ID that the connection has'
                        USING ERRCODE = 'insufficient_privilege';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER rotated_external_ids_are_written_once BEFORE INSERT ON integrations_externalidrotation
                FOR EACH ROW EXECUTE FUNCTION rotated_external_ids_are_written_once();
            CREATE TRIGGER rotated_external_ids_are_kept BEFORE UPDATE ON integrations_externalidrotation
                FOR EACH ROW WHEN (
                    (NEW.connection_id, NEW.previous_external_id, NEW.new_external_id)
                    IS DISTINCT FROM (OLD.connection_id, OLD.previous_external_id, OLD.new_external_id)
                ) EXECUTE FUNCTION rotated_external_ids_are_written_once();

            -- The one change that is let through: to the new ID of the open rotation whose roles have all moved.
            CREATE OR REPLACE FUNCTION external_id_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (
                    SELECT 1 FROM integrations_externalidrotation r
                    WHERE r.connection_id = NEW.id AND r.tenant_id = NEW.tenant_id
                      AND r.previous_external_id = OLD.external_id AND r.new_external_id = NEW.external_id
                      AND r.all_moved_at IS NOT NULL AND r.finished_at IS NULL AND r.cancelled_at IS NULL
                ) THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'an external ID is never changed' USING ERRCODE = 'insufficient_privilege';
            END $$;
            """,
            """
            CREATE OR REPLACE FUNCTION external_id_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'an external ID is never changed' USING ERRCODE = 'insufficient_privilege';
            END $$;
            DROP TRIGGER rotated_external_ids_are_kept ON integrations_externalidrotation;
            DROP TRIGGER rotated_external_ids_are_written_once ON integrations_externalidrotation;
            DROP FUNCTION rotated_external_ids_are_written_once();
            DROP TRIGGER external_id_is_used_once ON integrations_externalidrotation;
            DROP TRIGGER external_id_is_used_once ON integrations_connection;
            DROP FUNCTION external_id_is_used_once();
            """,
        ),
        look_up(
            # Each tenant's longest overdue before any tenant's second.
            "due_rotation_reminders", "most integer", "TABLE (tenant_id uuid, rotation_id uuid)",
            """
            SELECT due.tenant_id, due.id FROM (
                SELECT r.tenant_id, r.id, r.next_reminder_at,
                    row_number() OVER (PARTITION BY r.tenant_id ORDER BY r.next_reminder_at) AS turn
                FROM integrations_externalidrotation r
                WHERE r.next_reminder_at <= now() AND r.finished_at IS NULL AND r.cancelled_at IS NULL
            ) due ORDER BY due.turn, due.next_reminder_at LIMIT most
            """,
            ("integrations_externalidrotation",),
        ),
    ]
