"""Tenants are apart in the database itself, whatever the code above it does."""

from uuid import uuid4

import psycopg
import pytest
from django.db import connections, transaction
from django.db.utils import DatabaseError, IntegrityError, ProgrammingError

from integrations.actions.connections import create_connection
from integrations.actions.role_templates import download_role_template
from integrations.models import Connection, CustomerRole, RoleTemplate
from integrations.role_templates.formats import Format
from tenants import audit
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, Member, Tenant
from tenants.scope import OWNER, PRODUCT, STAFF, current_tenant, staff_scope, tenant_scope
from tests.environment import DATABASE

VERBS = {"SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"}


def tenant_tables(database) -> dict[str, str]:
    """Every table with a tenant column, as the catalogue of PostgreSQL knows them, and that column."""
    with psycopg.connect(database.url(DATABASE)) as superuser:
        rows = superuser.execute(
            """
            SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
              AND (a.attname = 'tenant_id' OR (c.relname = 'tenants_tenant' AND a.attname = 'id'))
            """
        ).fetchall()
    return dict(rows)


def test_every_table_with_a_tenant_column_has_a_forced_policy_for_each_verb(db) -> None:
    tables = tenant_tables(db)

    with psycopg.connect(db.url(DATABASE)) as superuser:
        for table in tables:
            enabled, forced = superuser.execute(
                "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table]
            ).fetchone()
            verbs = {
                row[0]
                for row in superuser.execute(
                    """
                    SELECT p.polcmd::text FROM pg_policy p JOIN pg_roles r ON r.oid = ANY(p.polroles)
                    WHERE p.polrelid = %s::regclass AND r.rolname = 'rolebridge_app'
                      AND (pg_get_expr(p.polqual, p.polrelid) LIKE '%%current_tenant_id()%%'
                        OR pg_get_expr(p.polwithcheck, p.polrelid) LIKE '%%current_tenant_id()%%')
                    """,
                    [table],
                )
            }
            assert (enabled, forced) == (True, True), table
            assert verbs == set(VERBS.values()), table
    assert {"tenants_tenant", "tenants_member", "tenants_auditevent", "integrations_finding"} <= set(tables)


def test_raw_sql_sees_nothing_without_a_tenant_and_nothing_of_another(db, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)

    for table, column in tenant_tables(db).items():
        with connections["default"].cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), f"{table} can be read with no tenant"
        with tenant_scope(cast.other_tenant.pk), connections["default"].cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [cast.tenant.pk])
            assert cursor.fetchone() == (0,), f"{table} can be read by another tenant"


def test_raw_sql_writes_nothing_without_a_tenant_and_nothing_of_another(db, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)

    with tenant_scope(cast.other_tenant.pk), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE integrations_connection SET name = 'taken' WHERE id = %s", [connection.pk])
        assert cursor.rowcount == 0
        cursor.execute("DELETE FROM integrations_connection WHERE id = %s", [connection.pk])
        assert cursor.rowcount == 0
    with pytest.raises(ProgrammingError, match="row-level security"), tenant_scope(cast.other_tenant.pk):
        Member.objects.create(tenant=cast.tenant, user=cast.stranger, role="owner")
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Tenant.objects.create(name="Nobody's")


def test_a_row_cannot_hang_on_another_tenants_connection(db, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)

    with pytest.raises(IntegrityError, match="same_tenant"), tenant_scope(cast.other_tenant.pk):
        CustomerRole.objects.create(tenant=cast.other_tenant, connection_id=connection.pk, component="x")


def test_every_reference_between_tenants_tables_stays_within_one_tenant(db) -> None:
    """The check of a foreign key does not see row-level security, so each has a second one with the tenant in it."""
    tables = sorted(tenant_tables(db).keys() - {"tenants_tenant"})
    with psycopg.connect(db.url(DATABASE)) as superuser:
        keys = superuser.execute(
            """
            SELECT c.conrelid::regclass::text, array_agg(a.attname::text ORDER BY a.attname) FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
            WHERE c.contype = 'f' AND c.conrelid::regclass::text = ANY(%(tables)s)
              AND c.confrelid::regclass::text = ANY(%(tables)s) GROUP BY c.oid, c.conrelid
            """,
            {"tables": tables},
        ).fetchall()

    alone = {(table, columns[0]) for table, columns in keys if len(columns) == 1}
    with_tenant = {(table, column) for table, columns in keys if len(columns) == 2 for column in columns}
    assert len(alone) > 10
    assert alone - with_tenant == set()


def test_no_database_role_skips_row_level_security(db) -> None:
    for alias in ("default", STAFF, PRODUCT, OWNER):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == (False, False), alias


def test_the_owner_of_the_schema_reads_only_what_the_listed_look_ups_need(db, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        download_role_template(connection=connection, chosen=Format.CLI, by=SYSTEM)

    with psycopg.connect(db.url(DATABASE)) as superuser:
        readable = superuser.execute(
            """
            SELECT DISTINCT p.polrelid::regclass::text FROM pg_policy p JOIN pg_roles r ON r.oid = ANY(p.polroles)
            WHERE r.rolname = 'rolebridge_owner'
            """
        ).fetchall()

    assert {table for (table,) in readable} == {
        "tenants_member",
        "tenants_apitoken",
        "tenants_idempotentrequest",
        "tenants_invitation",
        "tenants_tenant",
        "tenants_notificationaddress",
        "tenants_recovery",
        "tenants_tenantdomain",
        "tenants_identityprovider",
        "tenants_webhookendpoint",
        "tenants_webhookdelivery",
        "tenants_webhookevent",
        "tenants_auditevent",  # while it erases a deleted tenant's people
        "integrations_connection",
        "integrations_verification",
        "integrations_session",
        "integrations_provedaccount",
        "integrations_handofflink",
        "integrations_notification",
        "integrations_customerrole",
        "integrations_statuschange",  # while it gives them their places in the feed
        "integrations_externalidrotation",
    }
    assert RoleTemplate.objects.using(OWNER).count() == AuditEvent.objects.using(OWNER).count() == 0
    assert Connection.objects.using(OWNER).update(name="changed") == 0


def test_staff_read_across_tenants_and_write_none_of_it(db, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)

    with staff_scope():
        assert set(Tenant.objects.values_list("name", flat=True)) == {"Blue Harbour", "Red Mill"}
        assert Connection.objects.count() == 1
        with pytest.raises(ProgrammingError, match="permission denied"):
            Connection.objects.update(name="changed")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("tenants_apitoken", "digest"),
        ("django_session", "session_key"),
        ("django_session", "*"),
        ("tenants_webhooksecret", "*"),
        ("tenants_identityprovider", "sealed_secret"),
        ("tenants_tenantdomain", "digest"),
        ("socialaccount_socialtoken", "*"),
    ],
)
def test_staff_read_nothing_that_would_let_them_in(db, cast, table, columns) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(using=STAFF),
        connections[STAFF].cursor() as cursor,
    ):
        cursor.execute(f"SELECT {columns} FROM {table}")


def test_the_scope_of_a_tenant_ends_with_it(db, cast) -> None:
    with transaction.atomic():
        with tenant_scope(cast.tenant.pk):
            assert current_tenant() == cast.tenant.pk
        assert current_tenant() is None
    with pytest.raises(ZeroDivisionError), tenant_scope(cast.tenant.pk):
        raise ZeroDivisionError
    assert current_tenant() is None


def test_one_transaction_never_enters_two_tenants(db, cast) -> None:
    with (
        pytest.raises(RuntimeError, match="another tenant"),
        tenant_scope(cast.tenant.pk),
        tenant_scope(cast.other_tenant.pk),
    ):
        pass


def test_a_scope_needs_a_tenants_uuid(db) -> None:
    with pytest.raises(RuntimeError, match="UUID"), tenant_scope("' OR true"):  # type: ignore[arg-type]  # what is refused
        pass


def test_audit_events_can_be_added_and_nothing_else(db, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        audit.record("tenant:created", by=SYSTEM, tenant_id=cast.tenant.pk, target=cast.tenant)

    for change in (lambda events: events.update(action="x"), lambda events: events.delete()):
        with pytest.raises(DatabaseError, match="append-only"), tenant_scope(cast.tenant.pk):
            change(AuditEvent.objects.filter(action="system:tenant:created"))


def test_the_external_id_is_written_once_even_by_sql(db, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)

    with pytest.raises(DatabaseError, match="never changed"), tenant_scope(cast.tenant.pk):
        Connection.objects.filter(pk=connection.pk).update(external_id=f"rb-{uuid4()}")


def test_no_view_reads_with_the_rights_of_its_owner(db) -> None:
    with psycopg.connect(db.url(DATABASE)) as superuser:
        views = superuser.execute(
            """
            SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
              AND (c.relkind = 'm' OR (c.relkind = 'v'
                AND NOT coalesce('security_invoker=true' = ANY(c.reloptions), false)))
            """
        ).fetchall()

    assert views == [], "a view needs security_invoker; a materialised one obeys no policy at all"


def test_what_a_function_tells_with_the_rights_of_the_owner_is_ids_and_truth_values(db) -> None:
    told = {"uuid", "bool", "int8", "void", "trigger"}
    with psycopg.connect(db.url(DATABASE)) as superuser:
        functions = superuser.execute(
            """
            SELECT p.proname, r.rolname, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE'),
              has_function_privilege('rolebridge_staff', p.oid, 'EXECUTE'),
              coalesce(
                (SELECT array_agg(t.typname::text) FROM unnest(p.proallargtypes, p.proargmodes) AS a(type, mode)
                 JOIN pg_type t ON t.oid = a.type WHERE a.mode IN ('o', 't')),
                ARRAY[(SELECT t.typname::text FROM pg_type t WHERE t.oid = p.prorettype)])
            FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
            WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
            """
        ).fetchall()

    assert len(functions) > 5
    for name, owner, configuration, by_everybody, by_staff, types in functions:
        assert owner == "rolebridge_owner", name
        assert configuration == ["search_path=public, pg_temp"], f"{name} could be made to call another's function"
        assert (by_everybody, by_staff) == (False, False), name
        assert set(types) <= told, f"{name} tells {types}"


def test_the_app_owns_nothing_and_may_not_change_the_border(db) -> None:
    with psycopg.connect(db.url(DATABASE)) as superuser:
        owned = superuser.execute(
            "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) IN"
            " ('rolebridge_app', 'rolebridge_staff', 'rolebridge_product')"
        ).fetchall()

    assert owned == []
    for alias in ("default", STAFF, PRODUCT):
        with connections[alias].cursor() as cursor:
            for statement in (
                "ALTER TABLE tenants_member DISABLE ROW LEVEL SECURITY",
                "DROP POLICY tenant_select ON tenants_member",
                "CREATE VIEW all_members AS SELECT * FROM tenants_member",
                "SET ROLE rolebridge_owner",
            ):
                with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"):
                    cursor.execute(statement)
