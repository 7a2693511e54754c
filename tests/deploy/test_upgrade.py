"""An update while customers work: the release before runs on, and a migration keeps nobody waiting."""

import json
import subprocess
import sys
import tarfile
import threading
import time
from io import BytesIO, StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected, LockNotAvailable

from portal.local.services import ROOT
from portal.management.commands import migrate
from portal.management.commands.migrate import TablesFirst
from tenants.scope import OWNER
from tests.deploy.installation import environment, manage
from tests.environment import DATABASE

PREVIOUS_RELEASE = (ROOT / "deploy" / "previous-release").read_text().strip()


@pytest.fixture(scope="module")
def previous_release(tmp_path_factory) -> Path:
    """The code of the release before, out of the repository's own history."""
    directory = tmp_path_factory.mktemp("previous")
    archive = subprocess.run(["git", "archive", PREVIOUS_RELEASE], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        subprocess.run(["git", "fetch", "--quiet", "--depth=1", "origin", PREVIOUS_RELEASE], cwd=ROOT, check=True)
        archive = subprocess.run(["git", "archive", PREVIOUS_RELEASE], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(directory, filter="data")
    return directory


@pytest.mark.timeout(400)
def test_the_release_before_works_while_and_after_the_schema_changes(
    database, broker, sandbox_address, previous_release, tmp_path
) -> None:
    database.create_database("upgraded")
    where = environment(database, "upgraded")
    manage(where, "migrate", code=previous_release)
    stop = tmp_path / "stop"
    load = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("under_load.py")), str(stop)],
        cwd=previous_release, env=where | {"PYTHONPATH": str(previous_release)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert load.stdout.readline() == "ready\n"
        time.sleep(5)
        manage(where, "migrate")
        time.sleep(5)
    finally:
        stop.touch()
        output, errors = load.communicate(timeout=120)

    found = json.loads(output)
    assert found["trouble"] == [], errors[-3000:]
    assert found["rounds"] >= 2
    assert load.returncode == 0


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_a_migration_gives_way_to_a_transaction_that_holds_its_table(database, broker) -> None:
    database.create_database("gives_way")
    where = environment(database, "gives_way")
    manage(where, "migrate", "integrations", "0007")
    read = "SELECT count(*) FROM integrations_verification"

    with psycopg.connect(database.url("gives_way")) as holder:
        holder.execute(read)  # and the transaction stays open
        migrating = subprocess.Popen(
            [sys.executable, "-u", "-W", "ignore", "manage.py", "migrate"],
            cwd=ROOT, env=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = ""
        for line in migrating.stdout:
            said += line
            if "Giving way" in line:
                break
        with psycopg.connect(database.url("gives_way")) as somebody:
            somebody.execute("SET statement_timeout = '2s'")
            waited_for_nobody = somebody.execute(read).fetchone() == (0,)
    output, _ = migrating.communicate(timeout=170)

    assert waited_for_nobody
    assert migrating.returncode == 0, said + output
    assert "Applying integrations.0008" in said + output


@pytest.mark.parametrize("refusal", [LockNotAvailable, DeadlockDetected])
def test_a_migration_that_postgresql_undid_is_tried_again(db, monkeypatch, refusal) -> None:
    tries = []

    def undone_once(*_: object, **__: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError from refusal

    monkeypatch.setattr(migrate, "PAUSE", 0)
    monkeypatch.setattr(DjangoCommand, "handle", undone_once)

    call_command("migrate", verbosity=0, stdout=StringIO())

    assert len(tries) == 2


def test_each_migration_has_its_own_attempts_and_one_that_never_gets_its_tables_ends_it(db, monkeypatch) -> None:
    tries = []

    def gives_way(*_: object, **__: object) -> None:
        tries.append(1)
        raise OperationalError from LockNotAvailable()

    monkeypatch.setattr(migrate, "PAUSE", 0)
    monkeypatch.setattr(migrate, "ATTEMPTS", 3)
    # One migration is applied by the second try, another by the fourth, and none afterwards.
    monkeypatch.setattr(migrate, "_applied", lambda _: (0, 0, 1, 1, 2)[min(len(tries), 4)])
    monkeypatch.setattr(DjangoCommand, "handle", gives_way)

    with pytest.raises(CommandError, match="3 times"):
        call_command("migrate", verbosity=0, stdout=StringIO())

    assert len(tries) == 4 + 2


def test_a_migration_that_fails_otherwise_is_not_tried_again(db, monkeypatch) -> None:
    tries = []

    def fails(*_: object, **__: object) -> None:
        tries.append(1)
        raise OperationalError

    monkeypatch.setattr(DjangoCommand, "handle", fails)

    with pytest.raises(OperationalError):
        call_command("migrate", verbosity=0, stdout=StringIO())

    assert len(tries) == 1


def test_a_migration_begins_with_all_tables_or_gives_way(db) -> None:
    owner = connections[OWNER]
    taken = (
        "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock'"
        " AND relation IN ('integrations_connection'::regclass, 'tenants_tenant'::regclass)"
    )
    with TablesFirst(owner), owner.cursor() as cursor:
        cursor.execute(taken)
        assert cursor.fetchone() == (2,)

    with psycopg.connect(db.url(DATABASE)) as somebody:
        somebody.execute("SELECT count(*) FROM tenants_tenant")  # and the transaction stays open
        with pytest.raises(OperationalError) as refused, TablesFirst(owner):
            pass

    assert isinstance(refused.value.__cause__, LockNotAvailable)
    assert not owner.in_atomic_block


def test_a_migration_waits_for_an_autovacuum(db) -> None:
    with psycopg.connect(db.url(DATABASE)) as vacuum, psycopg.connect(db.url(DATABASE)) as somebody:
        vacuum.execute("LOCK TABLE tenants_tenant IN SHARE UPDATE EXCLUSIVE MODE")  # what an autovacuum holds
        later = threading.Timer(2, vacuum.commit)  # PostgreSQL ends one that is waited for after a second
        later.start()
        somebody.autocommit = True
        somebody.execute("SET statement_timeout = '1s'")
        reading = threading.Timer(1, lambda: answers.append(somebody.execute("SELECT count(*) FROM tenants_tenant")))
        answers: list[object] = []
        reading.start()

        with TablesFirst(connections[OWNER]):
            pass

        later.join()
        reading.join()
    assert len(answers) == 1, "who reads meanwhile is kept by nobody"
