"""Behind a pooler in transaction mode each transaction has another connection, and tenants stay apart all the same."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from portal.local.services import ROOT, child_process, free_port, wait_until
from tests.environment import DATABASE, DIRECTORY, POSTGRES_DATA

SECONDS = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 10
# Fewer than the threads, so that connections are shared, and each is handed on after every transaction.
SERVER_CONNECTIONS = 3


@pytest.fixture
def pooler(db) -> Iterator[int]:
    """Debian's pgbouncer in transaction mode; gives its port. Without it this fails: what is skipped has not passed."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    assert program, "pgbouncer is not installed. As root on Debian: apt-get install pgbouncer"
    with psycopg.connect(db.url(DATABASE)) as superuser:
        (socket_directory,) = superuser.execute("SHOW unix_socket_directories").fetchone()
        (port_of_server,) = superuser.execute("SHOW port").fetchone()
    folder, port = DIRECTORY / "pgbouncer", free_port()
    folder.mkdir(exist_ok=True)
    (folder / "users").write_text('"rolebridge_app" ""\n"rolebridge_staff" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
        [databases]
        {DATABASE} = host={socket_directory} port={port_of_server} dbname={DATABASE}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = trust
        auth_file = {folder / "users"}
        pool_mode = transaction
        default_pool_size = {SERVER_CONNECTIONS}
        ignore_startup_parameters = extra_float_digits
        """.replace("        ", "")
    )
    command = [program, str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:
        owner = POSTGRES_DATA.owner()  # it will not run as root, and must reach the server's socket
        command[1:1] = ["--user", owner]
        for path in (folder, folder / "users", folder / "pgbouncer.ini"):
            shutil.chown(path, owner)
    log = DIRECTORY / "logs" / "pgbouncer.log"

    def answers() -> bool:
        try:
            psycopg.connect(f"postgresql://rolebridge_app@127.0.0.1:{port}/{DATABASE}").close()
        except psycopg.OperationalError:
            return False
        return True

    with child_process(command, log) as process:
        wait_until("pgbouncer", answers, process, log)
        yield port


def test_two_tenants_hammered_at_once_never_see_each_other(pooler) -> None:
    environment = {
        "DATABASE_URL": f"postgresql://rolebridge_app@127.0.0.1:{pooler}/{DATABASE}",
        "DATABASE_STAFF_URL": f"postgresql://rolebridge_staff@127.0.0.1:{pooler}/{DATABASE}",
        "API_CALLS_PER_MINUTE_OF_A_TOKEN": "0",
        "API_CALLS_PER_MINUTE_OF_A_TENANT": "0",
    }

    done = subprocess.run(
        [sys.executable, "-m", "tests.through_a_pooler", str(SECONDS)],
        env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    print(done.stdout)  # noqa: T201 — `make nightly` keeps it
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_tenant_named_outside_of_a_transaction_would_leak_and_be_seen(pooler) -> None:
    leaky = f"postgresql://rolebridge_app@127.0.0.1:{pooler}/{DATABASE}"
    other_tenant = "11111111-2222-4333-8444-555555555555"

    with psycopg.connect(leaky, autocommit=True, prepare_threshold=None) as one:
        one.execute("SELECT set_config('rolebridge.tenant_id', %s, false)", [other_tenant])
        with psycopg.connect(leaky, autocommit=True, prepare_threshold=None) as two:
            seen = {str(two.execute("SELECT current_tenant_id()").fetchone()[0]) for _ in range(20)}

    assert seen == {other_tenant}, "the pooler shares connections, so this test can fail"
