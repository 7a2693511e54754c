"""The web server's settings, in production and in `make run`: `gunicorn --config deploy/gunicorn.conf.py portal.wsgi`.

The command line goes before this file, and `WEB_CONCURRENCY` before the number of processes.
"""

import logging
import os
import shutil
import tempfile
from typing import Any

from gunicorn.glogging import Logger

bind = os.environ.get("WEB_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Threads, since a page waits for the database and little else.
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
# A request that hangs for a minute is lost anyway; on SIGTERM requests under way have time to end.
timeout = 60
graceful_timeout = 25
keepalive = 75  # seconds; longer than the proxy keeps its side open, or it would meet connections just closed
# The heartbeat's file must not wait for a disk, and the root file system may be read-only.
_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112  it is memory, shared on purpose
worker_tmp_dir = _memory
control_socket_disable = True
accesslog = "-"


def _escaped(value: Any) -> Any:
    """The value; a text in printable ASCII alone. Of quotation marks gunicorn thinks itself."""
    return value.encode("unicode_escape").decode() if isinstance(value, str) else value


def _join(record: logging.LogRecord) -> bool:
    """Name the request on its access line by the id that its answer shows; it is no longer in hand by then."""
    record.request_id = record.args["{x-request-id}o"]
    return True


class logger_class(Logger):  # noqa: N801  gunicorn's name of the setting
    """gunicorn's, in production with portal.logs' JSON. Some addresses are keys, in every mode. And they are written
    decoded, so that %0a in one would begin a line of the client's own. Its peer is the proxy, which is nobody to look
    for.
    """

    def setup(self, cfg: Any) -> None:
        """Make the handlers, at the start and when settings are read anew."""
        from portal.environment import PRODUCTION  # not before prometheus_client knows its directory
        from portal.logs import JsonFormatter

        super().setup(cfg)
        self.access_log.addFilter(_join)
        for handler in (*self.error_log.handlers, *self.access_log.handlers) if PRODUCTION else ():
            handler.setFormatter(JsonFormatter())

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        """What a line can be made of, with the address as portal.logs would write it, and from where the request came
        as far as proxies are trusted; the peer where fewer of them spoke than were promised.
        """
        from portal.logs import without_secrets  # these when the settings are known
        from tenants.request_id import CLIENT_ADDRESS

        atoms = super().atoms(resp, req, environ, request_time)
        atoms["h"] = environ.get(CLIENT_ADDRESS) or atoms["h"]
        atoms = {name: _escaped(value) for name, value in atoms.items()}
        return atoms | {"U": without_secrets(atoms["U"])}


# Without the query string, in which a link may carry a secret; portal.logs says the rest.
access_log_format = '%(h)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(M)sms %({x-request-id}o)s'

_metrics_port = int(os.environ.get("METRICS_PORT") or "0")
if _metrics_port:
    # Set before anything imports prometheus_client, which looks at it once.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="rolebridge-metrics-", dir=_memory)


def when_ready(_server: Any) -> None:
    """Answer Prometheus for all processes of this server, from the first one, which serves nobody else."""
    if _metrics_port:
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        start_http_server(_metrics_port, os.environ.get("METRICS_HOST") or "127.0.0.1", registry)


def post_worker_init(_worker: Any) -> None:
    """A process has loaded the portal, and now takes requests."""
    from portal.memory import leave_loaded_modules_alone

    leave_loaded_modules_alone()


def child_exit(_server: Any, worker: Any) -> None:
    """Forget what a process that ended had as its own."""
    if _metrics_port:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(_server: Any) -> None:
    """Leave no file behind."""
    if _metrics_port:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
