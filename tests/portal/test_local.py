"""`make run`: everything starts, stops, and is still there the next time."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from integrations.aws.clients import ClientFactory
from portal.local.services import ROOT
from tests.ports import reserved_port

pytestmark = pytest.mark.timeout(600)


class Run:
    """One `make run` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = ("PORT", "SANDBOX_PORT", "VALKEY_PORT")
        kept = folder / "ports"
        if not kept.exists():
            kept.write_text(json.dumps({name: str(reserved_port()) for name in names}))
        self.ports: dict[str, str] = json.loads(kept.read_text())
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DATABASE", "CACHE"))
        }
        self.environment = clean | self.ports | {"ROLEBRIDGE_LOCAL_DIR": str(folder), "ROLEBRIDGE_MODE": "local"}
        for name in ("SECRET_KEY", "BASE_URL", "CELERY_BROKER_URL", "VENDOR_ACCOUNT_ID", "VERIFICATION_LEASE_SECONDS"):
            self.environment.pop(name, None)
        self.log = folder / "run.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.local"], env=self.environment, cwd=ROOT, stdout=log, stderr=log
            )

    def wait_for(self, text: str, seconds: float = 240) -> str:
        deadline = time.monotonic() + seconds
        while text not in (printed := self.log.read_text()):
            assert time.monotonic() < deadline, printed
            assert self.process.poll() is None or text in self.log.read_text(), self.log.read_text()
            time.sleep(0.1)
        return printed

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "manage.py", *arguments],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def processes(self) -> list[psutil.Process]:
        """Every process that belongs to this run, by its folder or its ports in the command line."""
        marks = [str(self.folder), *(f":{port}" for port in self.ports.values()), *self.ports.values()]
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            if process.pid != os.getpid() and any(mark in line for mark in marks):
                found.append(process)
        return found

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture
def folder(tmp_path_factory) -> Iterator[Path]:
    # Near the root: the path of a Unix socket may have 107 characters only.
    return tmp_path_factory.mktemp("local")


@contextmanager
def running(folder: Path) -> Iterator[Run]:
    run = Run(folder)
    run.start()
    try:
        run.wait_for("Ready after")
        yield run
    finally:
        if run.process.poll() is None:
            run.stop()


TENANT_OF_OWNER = """
from tenants.models import User
from tenants.scope import call, tenant_scope
from tenants.audit import SYSTEM
from integrations.actions.connections import update_connection
from integrations.actions.sandbox_stacks import deploy_stack
from integrations.models import Connection
((tenant_id,),) = call("tenants_of_user", User.objects.get(email="owner@blue-harbour.example").pk)
with tenant_scope(tenant_id):
    connection = update_connection(connection=Connection.objects.get(), account_id="222222222222", by=SYSTEM,
                                   components=["log-analysis"])
deploy_stack(tenant_id=tenant_id, connection_id=connection.pk, by=SYSTEM)
print("IDS", tenant_id, connection.pk)
"""


def role_ids(run: Run) -> dict[str, str]:
    iam = ClientFactory(f"http://127.0.0.1:{run.ports['SANDBOX_PORT']}").with_keys(
        "iam", "us-east-1", "222222222222", "test"
    )
    return {role["RoleName"]: role["RoleId"] for role in iam.list_roles()["Roles"]}


def test_what_was_connected_still_is_after_a_restart_and_no_process_is_left(folder) -> None:
    with running(folder) as run:
        printed = run.wait_for("staff@vendor.example")
        assert f"http://127.0.0.1:{run.ports['PORT']}/" in printed
        ids = re.search(r"IDS (\S+) (\S+)", run.manage("shell", "-c", TENANT_OF_OWNER)).groups()
        assert "log-analysis: connected" in run.manage("verify_connection", *ids)
        before = role_ids(run)
        assert run.stop() == 0
        assert run.processes() == []

    with running(folder) as run:
        assert role_ids(run) == before
        assert "log-analysis: connected" in run.manage("verify_connection", *ids)
        assert run.stop(signal.SIGINT) == 0
        assert run.processes() == []


@pytest.mark.nightly
def test_a_child_that_dies_is_named_with_the_end_of_its_log_and_brings_the_rest_down(folder) -> None:
    with running(folder) as run:
        (worker, *_) = [
            process for process in psutil.Process(run.process.pid).children() if "worker" in process.cmdline()
        ]
        while "ready." not in (folder / "logs" / "worker.log").read_text():
            time.sleep(0.1)
        worker.kill()

        assert run.process.wait(60) == 1

        printed = run.log.read_text()
        assert "The worker ended by itself" in printed
        assert "ready." in printed, "the end of its log"
        assert run.processes() == []


@pytest.mark.nightly
def test_after_sigkill_nothing_goes_on_alone_and_the_next_start_works(folder) -> None:
    with running(folder) as run:
        run.process.kill()
        run.process.wait()
        deadline = time.monotonic() + 60
        while any("postgres" not in process.name() for process in run.processes()):
            assert time.monotonic() < deadline, run.processes()
            time.sleep(0.2)

    with running(folder) as run:  # takes over the PostgreSQL that was left
        assert run.stop() == 0
        assert run.processes() == []


def test_a_taken_port_is_a_clear_error(folder) -> None:
    run = Run(folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(run.ports["SANDBOX_PORT"])))
        taken.listen()
        run.start()

        assert run.process.wait(60) == 1

    assert f"Port {run.ports['SANDBOX_PORT']} is taken" in run.log.read_text()
    assert "SANDBOX_PORT=PORT make run" in run.log.read_text()


def test_a_port_that_is_none_is_a_clear_error(folder) -> None:
    run = Run(folder)
    run.environment["PORT"] = "eighty"
    run.start()

    assert run.process.wait(60) == 1

    assert "PORT is 'eighty'; give a port number" in run.log.read_text()
