"""Where Prometheus reads: a port of its own in each process, `METRICS_PORT`, which no proxy passes on.

The web server has several processes behind one port, so they count in files (`PROMETHEUS_MULTIPROC_DIR`), and
gunicorn's first process answers with their sum (deploy/gunicorn.conf.py). A worker is one process and answers for
itself.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import REGISTRY, Histogram, start_http_server

from integrations.collector import InstallationCollector
from portal.middleware import SHED

REQUESTS = Histogram(
    "rolebridge_http_request_seconds",
    "Requests answered, by address pattern and kind of answer",
    ["method", "route", "answer"],
    buckets=(0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 10),
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def count_requests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Count each request and how long it took; what was shed on purpose apart from what went wrong."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        REQUESTS.labels(
            request.method if request.method in _METHODS else "other",  # a client may send any word
            match.route if match else "none",
            "shed" if SHED in request.META else f"{response.status_code // 100}xx",
        ).observe(time.perf_counter() - started)
        return response

    return middleware


def serve_metrics() -> None:
    """Answer Prometheus from this process, where a port is set."""
    if settings.METRICS_PORT:
        REGISTRY.register(InstallationCollector())
        start_http_server(settings.METRICS_PORT, settings.METRICS_HOST)
