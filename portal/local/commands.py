"""The command lines of the project's processes, in `make run` and in the tests; production has its own numbers."""

from pathlib import Path


def web_command(python: str, port: int, host: str = "127.0.0.1") -> list[str]:
    """The web server, as in production but for one process, which is enough for one person."""
    return [
        python, "-m", "gunicorn", "portal.wsgi", "--config", "deploy/gunicorn.conf.py", "--bind", f"{host}:{port}",
        "--workers", "1", "--graceful-timeout", "10",
    ]  # fmt: skip


def worker_command(python: str, concurrency: int = 64) -> list[str]:
    """A worker: threads, since a verification waits for AWS nearly all of its time."""
    return [
        python, "-m", "celery", "--app", "portal", "worker", "--pool", "threads", "--concurrency", str(concurrency),
        "--queues", "verifications,scheduled_verifications,webhooks,maintenance", "--loglevel", "INFO",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip


def beat_command(python: str, schedule: Path) -> list[str]:
    """Beat: one process, which sends what is due."""
    return [python, "-m", "celery", "--app", "portal", "beat", "--schedule", str(schedule), "--loglevel", "INFO"]
