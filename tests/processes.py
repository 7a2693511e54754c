"""The project's own processes, as production runs them: worker, beat, web server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from portal.local.commands import beat_command, web_command, worker_command
from portal.local.services import answers, child_process, wait_until
from tests.environment import BROKER, DIRECTORY, PORTAL_PORT

QUEUES = {"CELERY_BROKER_URL": BROKER}


def _log(name: str) -> Path:
    return DIRECTORY / "logs" / f"{name}.log"


@contextmanager
def celery_worker(
    name: str = "worker", environment: dict[str, str] | None = None, **options: int
) -> Iterator[Popen[bytes]]:
    """A Celery worker process that takes all queues; ready when this enters."""
    log = _log(name)
    log.unlink(missing_ok=True)
    with child_process(worker_command(sys.executable, **options), log, QUEUES | (environment or {})) as process:
        wait_until(name, lambda: " ready." in log.read_text(), process, log)
        yield process


@contextmanager
def celery_beat(environment: dict[str, str] | None = None) -> Iterator[Popen[bytes]]:
    """Celery beat."""
    log = _log("beat")
    log.unlink(missing_ok=True)
    with child_process(beat_command(sys.executable, DIRECTORY / "beat"), log, QUEUES | (environment or {})) as process:
        wait_until("beat", lambda: "beat: Starting" in log.read_text(), process, log)
        yield process


@contextmanager
def portal(name: str = "web", environment: dict[str, str] | None = None, port: int = PORTAL_PORT) -> Iterator[str]:
    """The web server; gives its address."""
    log = _log(name)
    address = f"http://127.0.0.1:{port}"
    with child_process(web_command(sys.executable, port), log, QUEUES | (environment or {})) as process:
        wait_until("web", lambda: answers(f"{address}/livez"), process, log)
        yield address
