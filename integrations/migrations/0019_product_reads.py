"""What service tokens read: connections and customer roles that may be used, and the feed of status changes."""

from django.db import migrations, models

from tenants.row_level_security import role


class Migration(migrations.Migration):
    dependencies = [("integrations", "0018_worst_status"), ("tenants", "0011_service_tokens")]

    operations = [
        migrations.AddField(
            model_name="statuschange",
            name="feed_position",
            field=models.BigIntegerField(editable=False, help_text="Its place in the feed of service tokens; empty until it has one.", null=True),
        ),
        migrations.AddConstraint(
            model_name="statuschange",
            constraint=models.UniqueConstraint(fields=["feed_position"], name="status_change_feed_position_unique"),
        ),
        migrations.AddIndex(
            model_name="statuschange",
            index=models.Index(condition=models.Q(("feed_position__isnull", True)), fields=["id"], name="status_change_without_position"),
        ),
        migrations.AddIndex(
            model_name="connection",
            index=models.Index(fields=["created_at", "id"], name="connection_of_all_tenants"),
        ),
        migrations.RunSQL(
            # Ids are given when a row is written and become visible when its transaction ends, in another order: who
            # reads by id skips what comes late. So a place in the feed is given to what is visible already, by one at a
            # time: the lock is held until the places are visible too. They come from a sequence, since those of a
            # deleted tenant's changes must not be given again.
            f"""
            CREATE SEQUENCE integrations_feed_position AS bigint;
            REVOKE ALL ON SEQUENCE integrations_feed_position FROM {role("default")}, {role("staff")};
            CREATE POLICY number_events_select ON integrations_statuschange FOR SELECT TO {role("owner")} USING (true);
            CREATE POLICY number_events_update ON integrations_statuschange FOR UPDATE TO {role("owner")}
                USING (feed_position IS NULL) WITH CHECK (true);
            CREATE FUNCTION number_events(most integer) RETURNS bigint
            LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
            DECLARE numbered bigint;
            BEGIN
                PERFORM pg_advisory_xact_lock(hashtextextended('the feed of status changes', 0));
                WITH waiting AS (
                    SELECT id FROM integrations_statuschange WHERE feed_position IS NULL
                    ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED
                ), placed AS MATERIALIZED (
                    SELECT id, nextval('integrations_feed_position') AS place
                    FROM (SELECT id FROM waiting ORDER BY id LIMIT most) AS in_order
                )
                UPDATE integrations_statuschange s SET feed_position = placed.place FROM placed WHERE s.id = placed.id;
                GET DIAGNOSTICS numbered = ROW_COUNT;
                RETURN numbered;
            END $$;
            REVOKE ALL ON FUNCTION number_events(integer) FROM PUBLIC;
            GRANT EXECUTE ON FUNCTION number_events(integer) TO {role("default")};
            """,
            f"""
            DROP FUNCTION number_events(integer);
            DROP POLICY number_events_update ON integrations_statuschange;
            DROP POLICY number_events_select ON integrations_statuschange;
            DROP SEQUENCE integrations_feed_position;
            """,
        ),
        migrations.RunSQL(
            # A role that must not be used does not exist for the product: quarantine, pause, removal and the emergency
            # stop bind in the database, whatever the code above forgets.
            f"""
            GRANT SELECT (id, tenant_id, reference, external_id, account_id, created_at, asked_at, worst_status,
                worst_status_since, role_name_pattern, role_path, boundary_arn, role_tags, max_session_seconds,
                allowed_regions, self_inspection) ON integrations_connection TO {role("product")};
            CREATE POLICY product_select ON integrations_connection FOR SELECT TO {role("product")} USING (true);
            GRANT SELECT (id, tenant_id, connection_id, component, status, status_since, quarantined,
                vendor_paused_from) ON integrations_customerrole TO {role("product")};
            GRANT SELECT (is_active) ON integrations_emergencystop TO {role("product")};
            CREATE POLICY product_select ON integrations_customerrole FOR SELECT TO {role("product")} USING (
                status IN ('connected', 'degraded') AND NOT quarantined AND vendor_paused_from = ''
                AND NOT EXISTS (SELECT FROM integrations_emergencystop WHERE is_active)
            );
            GRANT SELECT (id, tenant_id, connection_id, component, at, before, after, cause, feed_position)
                ON integrations_statuschange TO {role("product")};
            CREATE POLICY product_select ON integrations_statuschange FOR SELECT TO {role("product")}
                USING (feed_position IS NOT NULL);
            GRANT SELECT ON SEQUENCE integrations_feed_position TO {role("product")};
            """,
            f"""
            DROP POLICY product_select ON integrations_statuschange;
            DROP POLICY product_select ON integrations_customerrole;
            DROP POLICY product_select ON integrations_connection;
            REVOKE ALL ON integrations_statuschange, integrations_customerrole, integrations_connection,
                integrations_emergencystop FROM {role("product")};
            """,
        ),
    ]
