"""What Prometheus reads of verifications and queues. docs/reference/metrics.md names every one."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connections
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from integrations.aws.report import Actor, Finding
from integrations.models import Verification
from integrations.problems import is_ours, problems_among
from tenants.scope import STAFF, call, let_go, staff_scope

logger = logging.getLogger(__name__)

VERIFICATIONS = Counter(
    "rolebridge_verifications",
    "Verifications that ended, by how, by who must act, and why no verdict was reached",
    ["state", "who", "failure"],
)
BEAT = Gauge("rolebridge_beat_seen_timestamp_seconds", "When this worker last did what beat sends every 5 seconds")

QUEUES = ("verifications", "scheduled_verifications", "maintenance", "webhooks")
# Ends without a verdict that nobody need act on: the customer or the vendor wanted it so.
_WANTED = {"out_of_use", "account_changed", "stopped_by_vendor"}
_BLAME = (Actor.VENDOR, Actor.CUSTOMER, Actor.CUSTOMER_ORGANISATION)


def count_verdict(findings: Iterable[Finding]) -> None:
    """A verification reached its verdict; who must act is the first of vendor, customer, customer's organisation."""
    VERIFICATIONS.labels(Verification.State.COMPLETED, _first(findings), "").inc()


def count_failure(failure: str, findings: Iterable[Finding] = ()) -> None:
    """A verification ended without a verdict. Where it came to none by itself (`no_verdict`), the findings say who must
    act, as its page does: the vendor where it is the vendor's alone, else the first of customer, customer's
    organisation, nobody.
    """
    who = Actor.NOBODY if failure in _WANTED else Actor.VENDOR
    if failure == "no_verdict":
        problems = problems_among(findings)
        if not is_ours(problems):
            who = _first(problem for problem in problems if problem.who is not Actor.VENDOR)
    VERIFICATIONS.labels(Verification.State.FAILED, who, failure).inc()


def _first(findings: Iterable[Finding]) -> Actor:
    named = {finding.who for finding in findings}
    return next((actor for actor in _BLAME if actor in named), Actor.NOBODY)


class QueueCollector(Collector):
    """What waits, looked up when Prometheus asks. Each worker gives the same figures: take their maximum."""

    def collect(self) -> Iterator[Metric]:
        """The gauges; one that cannot be looked up is left out, and `rolebridge_lookup_ok` says so."""
        lookups = GaugeMetricFamily("rolebridge_lookup_ok", "Whether what waits could be looked up", labels=["of"])
        for name, look in _LOOKUPS.items():
            try:
                yield from look()
            except Exception:  # the rest is worth having
                logger.exception("What waits in %s could not be looked up for Prometheus", name)
                lookups.add_metric([name], 0)
            else:
                lookups.add_metric([name], 1)
        yield lookups


def _verifications_waiting() -> list[Metric]:
    oldest = GaugeMetricFamily(
        "rolebridge_oldest_queued_seconds", "For how long the oldest queued verification waits", labels=["queue"]
    )
    waiting = GaugeMetricFamily("rolebridge_verifications_queued", "Verifications that wait", labels=["queue"])
    try:
        with staff_scope():
            queued = Verification.objects.filter(state=Verification.State.QUEUED).order_by()
            rows = list(queued.values("scheduled").annotate(count=Count("pk"), first=Min("requested_at")))
    finally:
        connections[STAFF].close()  # this thread ends with its answer
    found = {row["scheduled"]: row for row in rows}
    for scheduled, queue in ((False, QUEUES[0]), (True, QUEUES[1])):
        row = found.get(scheduled)
        waiting.add_metric([queue], row["count"] if row else 0)
        oldest.add_metric([queue], (timezone.now() - row["first"]).total_seconds() if row else 0)
    return [oldest, waiting]


def _messages() -> list[Metric]:
    depth = GaugeMetricFamily("rolebridge_queue_depth", "Messages that no worker has taken", labels=["queue"])
    with current_app.connection_for_read(connect_timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT) as connection:
        for queue in QUEUES:
            channel: Any = connection.channel()  # its type knows no more than how to consume
            try:
                depth.add_metric([queue], channel.queue_declare(queue=queue, passive=True).message_count)
            except connection.channel_errors:
                depth.add_metric([queue], 0)  # it is made with its first message
            finally:
                channel.close()
    return [depth]


def _webhooks_due() -> list[Metric]:
    due = GaugeMetricFamily("rolebridge_webhook_deliveries_due", "Webhook deliveries that are due and not begun")
    lag = GaugeMetricFamily(
        "rolebridge_webhook_lag_seconds", "For how long the oldest delivery to an endpoint that works has been due"
    )
    try:
        ((deliveries, seconds),) = call("webhooks_due")
    finally:
        let_go()  # this thread ends with its answer
    due.add_metric([], deliveries)
    lag.add_metric([], seconds)
    return [due, lag]


_LOOKUPS: dict[str, Callable[[], list[Metric]]] = {
    "database": _verifications_waiting,
    "broker": _messages,
    "webhooks": _webhooks_due,
}
