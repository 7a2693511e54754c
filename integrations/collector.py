"""What is looked up of the whole installation when Prometheus asks. docs/reference/metrics.md names every series."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connections
from django.db.models import Case, Count, Min, Q, When
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from integrations.actions.vendor_identity import alarm_states
from integrations.models import Notification, Verification
from tenants.scope import STAFF, call, let_go, staff_scope

logger = logging.getLogger(__name__)

QUEUES = ("verifications", "scheduled_verifications", "maintenance", "webhooks")


class InstallationCollector(Collector):
    """What waits and which alarms are on. Each worker gives the same figures: take their maximum."""

    def collect(self) -> Iterator[Metric]:
        """The gauges; one that cannot be looked up is left out, and `rolebridge_lookup_ok` says so."""
        lookups = GaugeMetricFamily("rolebridge_lookup_ok", "Whether the figures could be looked up", labels=["of"])
        for name, look in _LOOKUPS.items():
            try:
                yield from look()
            except Exception:  # the rest is worth having
                logger.exception("The figures of %s could not be looked up for Prometheus", name)
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


def _mails() -> list[Metric]:
    waiting = GaugeMetricFamily("rolebridge_mails_waiting", "Mails about a change of status that are due or tried anew")
    oldest = GaugeMetricFamily("rolebridge_oldest_mail_seconds", "For how long the oldest of them waits")
    now = timezone.now()
    # A mail that is tried again waits since it was written. One for the digest was meant to wait: it counts while it is
    # due, since then.
    is_waiting = Q(due_at__lte=now) | Q(due_at__isnull=False, attempts__gt=0, in_digest=False)
    since = Case(When(in_digest=True, then="due_at"), default="created_at")
    try:
        with staff_scope():
            found = Notification.objects.filter(is_waiting).aggregate(count=Count("pk"), first=Min(since))
    finally:
        connections[STAFF].close()  # this thread ends with its answer
    waiting.add_metric([], found["count"])
    oldest.add_metric([], (now - found["first"]).total_seconds() if found["first"] else 0)
    return [waiting, oldest]


def _alarms() -> list[Metric]:
    alarm = GaugeMetricFamily("rolebridge_alarm", "Whether this of the vendor's own needs somebody", labels=["name"])
    try:
        states = alarm_states()
    finally:
        let_go()  # this thread ends with its answer
    for name, is_on in states.items():
        alarm.add_metric([name], is_on)
    return [alarm]


_LOOKUPS: dict[str, Callable[[], list[Metric]]] = {
    "database": _verifications_waiting,
    "broker": _messages,
    "webhooks": _webhooks_due,
    "mails": _mails,
    "alarms": _alarms,
}
