"""Migration operations that put a table behind row-level security.

Old migrations use these functions: add to them, never change them.

A tenant-owned table is visible only in the scope of its tenant (`tenants.scope`), for every verb, also to its owner
(FORCE). Staff read all of it. The owner reads a table only where one of the listed look-ups needs it.
"""

from django.conf import settings
from django.db import migrations
from django.db.migrations.operations.base import Operation


def role(alias: str) -> str:
    """The quoted name of the database role behind a database alias: default (the app), staff or owner."""
    # A process that does not migrate does not know the owner, and only loads this text.
    name: str = settings.DATABASES.get(alias, {}).get("USER", f"rolebridge_{alias}")
    return '"' + name.replace('"', '""') + '"'


def tenant_owned(table: str, column: str = "tenant_id") -> Operation:
    """Put `table` behind row-level security by its tenant `column`."""
    mine = f"{column} = (SELECT current_tenant_id())"
    app = role("default")
    return migrations.RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_select ON {table} FOR SELECT TO {app} USING ({mine});
        CREATE POLICY tenant_insert ON {table} FOR INSERT TO {app} WITH CHECK ({mine});
        CREATE POLICY tenant_update ON {table} FOR UPDATE TO {app} USING ({mine}) WITH CHECK ({mine});
        CREATE POLICY tenant_delete ON {table} FOR DELETE TO {app} USING ({mine});
        CREATE POLICY staff_select ON {table} FOR SELECT TO {role("staff")} USING (true);
        """,
        f"""
        DROP POLICY staff_select ON {table};
        DROP POLICY tenant_delete ON {table};
        DROP POLICY tenant_update ON {table};
        DROP POLICY tenant_insert ON {table};
        DROP POLICY tenant_select ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def look_up(name: str, arguments: str, returns: str, query: str, tables: tuple[str, ...]) -> Operation:
    """A function that the app may call before a tenant is known. It must return ids, truth values, and figures of the
    whole installation, nothing else.

    Args:
        name: of the function.
        arguments: its SQL argument list.
        returns: its SQL return type.
        query: one SQL statement, its body.
        tables: the tenant-owned tables it reads, on which the owner gets a policy for it.
    """
    owner = role("owner")
    policies = "".join(f"CREATE POLICY {name} ON {table} FOR SELECT TO {owner} USING (true);\n" for table in tables)
    types = ", ".join(argument.split()[1] for argument in arguments.split(",") if argument.strip())
    return migrations.RunSQL(
        f"""
        {policies}
        CREATE FUNCTION {name}({arguments}) RETURNS {returns}
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $look_up$ {query} $look_up$;
        REVOKE ALL ON FUNCTION {name}({types}) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION {name}({types}) TO {role("default")};
        """,
        f"DROP FUNCTION {name}({types});" + "".join(f"DROP POLICY {name} ON {table};" for table in tables),
    )


def same_tenant(table: str, column: str, parent: str) -> Operation:
    """Refuse a row whose parent belongs to another tenant: foreign-key checks do not see row-level security.

    `parent` needs a unique constraint on (tenant_id, id).
    """
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"""
        ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) REFERENCES {parent} (tenant_id, id)
        DEFERRABLE INITIALLY DEFERRED;
        """,
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )
