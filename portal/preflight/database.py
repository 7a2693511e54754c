"""The database: whether each role gets in, is held to row-level security, and finds the schema that this code needs."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags, run_checks
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from portal.preflight.report import State, Wrong
from tenants.actions import sealed_values
from tenants.scope import APP, OWNER, PRODUCT, STAFF

OLDEST_SERVER = 150000  # PostgreSQL 15, as `server_version` of libpq counts
_ADDRESS = {
    APP: "DATABASE_URL",
    STAFF: "DATABASE_STAFF_URL",
    PRODUCT: "DATABASE_PRODUCT_URL",
    OWNER: "DATABASE_OWNER_URL",
}
_ROLES_FIX = "Make the roles anew as docs/production.md says, and run tenants/database_roles.sql as a superuser."


def roles_get_in() -> str:
    """Every database role that this process knows gets in, and no two are the same one."""
    roles = {}
    for alias in settings.DATABASES:
        roles[alias], version = _who_gets_in(alias)
        if version < OLDEST_SERVER:
            raise Wrong(f"PostgreSQL is version {version // 10000}.", "Use PostgreSQL 15 or newer.")
    if len(set(roles.values())) < len(roles):
        raise Wrong(
            "Two of the database addresses name the same role: "
            + ", ".join(f"{_ADDRESS[alias]} {role}" for alias, role in roles.items()),
            "Give each address its own role (docs/production.md, Database).",
        )
    return ", ".join(f"{role} ({alias})" for alias, role in roles.items())


def _who_gets_in(alias: str) -> tuple[str, int]:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('server_version_num')::int")
            role, version = cursor.fetchone()
    except DatabaseError as error:
        where = settings.DATABASES[alias]
        raise Wrong(
            f"{where['USER']} does not get into {where['NAME']} at {where['HOST'] or 'the local socket'}: {error}",
            f"Compare {_ADDRESS[alias]} with the server: host, port, database, role, password, and pg_hba.conf.",
        ) from error
    return str(role), int(version)


def roles_are_held() -> str:
    """No role skips row-level security, and the app does not own what it is held by."""
    _reachable()
    for error in run_checks(tags=[Tags.database], databases=list(settings.DATABASES)):
        raise Wrong(error.msg, error.hint or _ROLES_FIX)
    for alias in (APP, STAFF):
        if owned := _rows(
            alias, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user LIMIT 1"
        ):
            raise Wrong(
                f"{_ADDRESS[alias]} names the owner of {owned[0][0]}, who could undo row-level security.",
                f"Use rolebridge_{'app' if alias == APP else 'staff'} there. {_ROLES_FIX}",
            )
    if granted := _rows(
        STAFF,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = 'tenants_tenant'"
        " AND has_table_privilege(quote_ident(schemaname) || '.' || quote_ident(tablename), 'DELETE')",
    ):
        raise Wrong(f"The staff's role may remove rows of {granted[0][0]}.", _ROLES_FIX)
    return "no role skips row-level security or owns a table it uses"


def schema_is_ours() -> str:
    """Every migration of this code is applied."""
    _reachable()
    executor = MigrationExecutor(connections[APP])
    missing = [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if missing:
        raise Wrong(
            f"{len(missing)} migrations are not applied, {missing[0]} first.",
            "Run `python manage.py migrate` with DATABASE_OWNER_URL set. If they are, run tenants/database_roles.sql.",
        )
    return f"{len(executor.loader.applied_migrations or {})} migrations are applied"


def tenants_are_apart() -> str:
    """Row-level security is on and forced for every table with a tenant, and shows nothing outside of every scope."""
    _reachable()
    tables = _rows(
        APP,
        """
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
               (SELECT count(DISTINCT p.polcmd) FROM pg_policy p
                WHERE p.polrelid = c.oid AND (SELECT oid FROM pg_roles WHERE rolname = current_user) = ANY(p.polroles))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
          AND (a.attname = 'tenant_id' OR (c.relname = 'tenants_tenant' AND a.attname = 'id'))
        ORDER BY c.relname
        """,
    )
    if not tables:
        raise Wrong("There is no table of tenants.", "Run `python manage.py migrate`.", State.UNKNOWN)
    for table, forced, verbs in tables:
        if not forced:
            raise Wrong(
                f"Row-level security is off for {table}: tenants would see each other's rows.",
                f"Stop web and worker, then as the owner: ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; "
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY; and find out who took it away.",
            )
        if verbs < 4:
            raise Wrong(
                f"Policies of {table} are missing: {verbs} of 4 are there for the app's role.",
                "Restore the schema from a backup, or make the policies anew (tenants/row_level_security.py).",
            )
        # The name is the catalogue's own, and each is one of ours.
        if _rows(APP, f'SELECT 1 FROM "{table}" LIMIT 1'):  # noqa: S608
            raise Wrong(
                f"{table} shows rows although no tenant is named: a policy lets too much through.",
                "Stop web and worker. Compare pg_policies with tenants/row_level_security.py: one is not ours.",
            )
    return f"forced on {len(tables)} tables, and nothing is seen outside of a tenant's scope"


def sealed_values_are_read() -> str:
    """Stored secrets can be read with the keys of this process: a few are looked at, or this would take long."""
    _reachable()
    try:
        found = sealed_values.sample()
    except DatabaseError as error:
        raise Wrong("The tables are not as this code needs them.", "Mend `schema` first.", State.UNKNOWN) from error
    unreadable = sum(len(one.unreadable) for one in found)
    earlier = sum(one.earlier for one in found)
    looked_at = unreadable + earlier + sum(one.present for one in found)
    if unreadable:
        tables = ", ".join(one.table for one in found if one.unreadable)
        raise Wrong(
            f"{unreadable} of {looked_at} stored secrets that were looked at can be read with no key ({tables}).",
            "Add the key that they were sealed with to SECRET_KEY_FALLBACKS, then run `python manage.py seal_again`.",
        )
    if earlier:
        return (
            f"{earlier} of {looked_at} stored secrets that were looked at need SECRET_KEY_FALLBACKS: "
            "`python manage.py seal_again` seals them with SECRET_KEY"
        )
    if settings.SECRET_KEY_FALLBACKS:
        return (
            f"none of {looked_at} stored secrets that were looked at needs SECRET_KEY_FALLBACKS: "
            "`python manage.py seal_again` looks at all, and says when it may go"
        )
    return f"{looked_at} stored secrets were looked at, all sealed with SECRET_KEY"


def _rows(alias: str, query: str) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _reachable() -> None:
    try:
        for alias in (APP, STAFF):
            _rows(alias, "SELECT 1")
    except DatabaseError as error:
        raise Wrong("The database does not answer.", "Mend `database` first.", State.UNKNOWN) from error
