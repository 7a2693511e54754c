"""`make run`: the whole of Rolebridge on this machine, every part of it real, in the foreground.

Starts PostgreSQL, Valkey and the sandbox, migrates, seeds, then runs web server, worker and beat, and watches them all.
Ctrl-C or SIGTERM ends everything in order. A child that dies is named and brings the rest down. All data is in
`.local/`.
"""

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from portal.local import services
from portal.local.commands import beat_command, web_command, worker_command
from portal.local.services import ROOT, Running, ServiceError

LOCAL = Path(os.environ.get("ROLEBRIDGE_LOCAL_DIR") or ROOT / ".local")
DATABASE = "rolebridge"
VENDOR_ACCOUNT_ID = "111111111111"


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def main() -> int:
    """Run until stopped; the exit status is 0 after Ctrl-C or SIGTERM, 1 after a failure."""
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    started = time.monotonic()
    try:
        with ExitStack() as stack:
            try:
                watched, address, password = _start(stack)
                say(f"Ready after {time.monotonic() - started:.1f} s.\n")
                _welcome(address, password)
                _watch(watched)
            except Stopped:
                say("Stopping …")
                # A second Ctrl-C must not break off the orderly end.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except ServiceError as error:
        say(f"\n{error}")
        return 1
    say("Everything has stopped; the data is kept in .local/ (`make clean` removes it).")
    return 0


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ServiceError(f"{variable} is {text!r}; give a port number, such as {default}.")
    services.require_free_port(int(text), variable)
    return int(text)


def _start(stack: ExitStack) -> tuple[list[Running], str, str]:
    """Start everything; what was started is ended by `stack`. Gives what to watch, our address, the demo password."""
    LOCAL.mkdir(exist_ok=True)
    stack.enter_context(_only_run())
    port, sandbox_port, valkey_port = _port("PORT", 8000), _port("SANDBOX_PORT", 4566), _port("VALKEY_PORT", 6479)
    address = f"http://127.0.0.1:{port}"
    logs = LOCAL / "logs"

    say("Starting PostgreSQL …")
    database, postgres = stack.enter_context(services.postgres(LOCAL / "postgres"))
    database.create_database(DATABASE)
    say("Starting Valkey …")
    valkey = stack.enter_context(services.valkey(LOCAL / "valkey", valkey_port, logs / "valkey.log"))
    say("Starting the sandbox …")
    sandbox = stack.enter_context(services.sandbox(sandbox_port, logs / "sandbox.log", LOCAL / "sandbox"))

    password = _kept_secret("demo-password", 12)
    environment = {
        "ROLEBRIDGE_MODE": "local",
        "ROLEBRIDGE_LOCAL_DIR": str(LOCAL),
        "SECRET_KEY": _kept_secret("secret-key", 50),
        "BASE_URL": address,
        "OUTBOUND_MAY_REACH_LOOPBACK": "yes",  # a webhook's receiver, or an identity provider, on this machine
        "CELERY_BROKER_URL": f"{valkey.address}/0",
        "CACHE_URL": f"{valkey.address}/1",
        **database.environment(DATABASE),
        **services.aws_environment(sandbox.address, VENDOR_ACCOUNT_ID),
    }
    _write_privately(LOCAL / "environment", "".join(f"{name}={value}\n" for name, value in environment.items()))

    say("Migrating the database …")
    _command("migrate", logs, environment)
    say("Seeding the vendor's account in the sandbox and the demo tenants …")
    _command("seed", logs, environment | {"DEMO_PASSWORD": password})

    watched = [postgres, valkey, sandbox]
    say("Starting web server, worker and beat …")
    for name, command in (
        ("The worker", worker_command(sys.executable)),
        ("Beat", beat_command(sys.executable, LOCAL / "beat-schedule")),
        ("The web server", web_command(sys.executable, port)),
    ):
        log = logs / f"{name.split()[-1].lower()}.log"
        process = stack.enter_context(services.child_process(command, log, environment))
        watched.append(Running(name, address, log, lambda process=process: process.poll() is None))  # type: ignore[misc]  # mypy reads no default of a lambda
    services.wait_until("The web server", lambda: services.answers(f"{address}/livez"), process, log)
    return watched, address, password


@contextmanager
def _only_run() -> Iterator[None]:
    with (LOCAL / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceError(f"`make run` is already running with the data in {LOCAL}.") from error
        yield


def _kept_secret(name: str, size: int) -> str:
    """A random secret that is the same at the next start."""
    path = LOCAL / name
    if not path.exists():
        _write_privately(path, secrets.token_urlsafe(size))
    return path.read_text()


def _write_privately(path: Path, text: str) -> None:
    """Write a file whole or not at all, for our own eyes only."""
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def _command(name: str, logs: Path, environment: dict[str, str]) -> None:
    """Run one of manage.py's commands to its end.

    Raises:
        ServiceError: it failed; with what it printed.
    """
    command = [sys.executable, str(ROOT / "manage.py"), name]
    done = subprocess.run(command, env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=False)
    (logs / f"{name}.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise ServiceError(f"`manage.py {name}` failed:\n{done.stdout}{done.stderr}")


def _welcome(address: str, password: str) -> None:
    from integrations.demo import DEMO_LOGINS

    say(f"  Portal       {address}/")
    say(f"  Support      {address}/admin/")
    say(f"  Mails sent   {address}/_mail/")
    say(f"  API          {address}/api/v1/schema/")
    say("")
    for login in DEMO_LOGINS:
        say(f"  {login.email:28} {password}   {login.organisation or 'support staff'}")
    say("")
    say("  Any 12 digits are an AWS account in the sandbox. Ctrl-C stops everything.")


def _watch(watched: list[Running]) -> None:
    """Wait until something dies.

    Raises:
        ServiceError: it names what died, with the end of its log.
    """
    while True:
        for service in watched:
            if not service.alive():
                raise ServiceError(
                    f"{service.name} ended by itself, so everything stops. The end of {service.log}:\n"
                    f"{services.log_end(service.log)}"
                )
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
