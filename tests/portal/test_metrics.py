"""What Prometheus reads: from the processes themselves."""

import re
import time
import urllib.request
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from integrations.actions import verifications
from integrations.actions.connections import create_connection
from integrations.collector import InstallationCollector
from integrations.models import EmergencyStop, IntegrationRole, Notification, VendorIdentity, Verification
from portal.local.services import free_port
from tenants.audit import SYSTEM
from tenants.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from tenants.scope import installation_scope, tenant_scope
from tests import processes
from tests.brokers import AWAY, unread, use_broker
from tests.customer import connection_with_stack, verify_twice

PATIENCE = 60


def read(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def gauges() -> dict[tuple[str, ...], float]:
    """What the collector gives, by name and only label."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in InstallationCollector().collect()
        for sample in family.samples
    }


def test_a_worker_answers_for_its_verifications_its_calls_and_what_waits(
    cast, sandbox_address, broker, monkeypatch
) -> None:
    own = f"{broker}/6"  # no other test's worker takes its message
    use_broker(monkeypatch, own)
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    port, text = free_port(), ""

    with processes.celery_worker("measured", {"METRICS_PORT": str(port), "CELERY_BROKER_URL": own}):
        with tenant_scope(cast.tenant.pk):
            verifications.request_verification(connection=connection, by=SYSTEM)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and 'state="completed"' not in text:
            time.sleep(0.2)
            text = read(port)

    assert 'rolebridge_verifications_total{failure="",state="completed",who="nobody"} 1.0' in text
    assert re.search(r'rolebridge_sts_calls_total\{code="ok",operation="AssumeRole"\} [1-9]', text)
    assert 'rolebridge_sts_calls_total{code="AccessDenied",operation="AssumeRole"}' in text, "the negative tests"
    assert 'rolebridge_lookup_ok{of="database"} 1.0' in text
    assert 'rolebridge_alarm{name="emergency_stop"} 0.0' in text
    assert 'rolebridge_oldest_queued_seconds{queue="verifications"} 0.0' in text


def test_a_worker_counts_how_often_the_session_that_it_needs_is_there(
    cast, sandbox_address, broker, monkeypatch
) -> None:
    own = f"{broker}/11"  # no other test's worker takes its message
    use_broker(monkeypatch, own)
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    port = free_port()
    text = ""

    with processes.celery_worker("cached", {"METRICS_PORT": str(port), "CELERY_BROKER_URL": own}):
        for number in (1, 2):
            with tenant_scope(cast.tenant.pk):
                verifications.request_verification(connection=connection, by=SYSTEM, checks="reachability")
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline and f'state="completed",who="nobody"}} {number}.0' not in text:
                time.sleep(0.2)
                text = read(port)

    assert 'rolebridge_session_cache_total{result="miss"} 1.0' in text, "the first one opens it"
    assert 'rolebridge_session_cache_total{result="hit"} 1.0' in text, "and the second one finds it"


def test_the_web_server_answers_for_all_its_processes_on_a_port_of_its_own(db, broker, sandbox_address) -> None:
    port, metrics_port = free_port(), free_port()
    environment = {"METRICS_PORT": str(metrics_port), "BASE_URL": f"http://127.0.0.1:{port}"}

    with processes.portal(f"web-{port}", environment, port) as address:
        urllib.request.urlopen(f"{address}/accounts/login/", timeout=30).close()
        text = read(metrics_port)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/metrics", timeout=30)

    line = r'rolebridge_http_request_seconds_count\{answer="2xx",method="GET",route="accounts/login/"\} 1.0'
    assert re.search(line, text), text


def test_what_waits_is_counted_by_queue_with_the_age_of_the_oldest(cast, sandbox_address, broker, monkeypatch) -> None:
    use_broker(monkeypatch, f"{broker}/9")
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    before = gauges()
    with tenant_scope(cast.tenant.pk):
        asked = verifications.request_verification(connection=connection, by=SYSTEM)
        queue = verifications.SCHEDULED_QUEUE if asked.scheduled else verifications.QUEUE

    after = gauges()

    assert after["rolebridge_verifications_queued", queue] == 1
    assert after["rolebridge_oldest_queued_seconds", queue] > 0
    assert after["rolebridge_queue_depth", queue] == before["rolebridge_queue_depth", queue] + 1


def test_a_broker_that_is_away_hides_nothing_else(db, broker, monkeypatch) -> None:
    use_broker(monkeypatch, AWAY)

    found = gauges()

    assert found["rolebridge_lookup_ok", "broker"] == 0
    assert found["rolebridge_lookup_ok", "database"] == 1
    assert ("rolebridge_queue_depth", "maintenance") not in found


@pytest.mark.parametrize("works", [True, False], ids=["an endpoint that works", "one that fails"])
def test_the_lag_of_webhooks_is_that_of_endpoints_that_work(cast, works) -> None:
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    with tenant_scope(cast.tenant.pk):
        endpoint = WebhookEndpoint.objects.create(
            tenant=cast.tenant,
            url="https://hooks.example/",
            event_types=[],
            failing_since=None if works else a_minute_ago,
        )
        event = WebhookEvent.objects.create(tenant=cast.tenant, event_type="test", body="{}", created_at=a_minute_ago)
        WebhookDelivery.objects.create(
            tenant=cast.tenant, endpoint=endpoint, event=event, created_at=a_minute_ago, due_at=a_minute_ago
        )

    found = gauges()

    assert found["rolebridge_webhook_deliveries_due",] == 1
    assert (found["rolebridge_webhook_lag_seconds",] >= 60) == works
    assert found["rolebridge_lookup_ok", "webhooks"] == 1


@pytest.mark.parametrize(
    ("written", "due", "more", "waits"),
    [
        (3600, 3600, {}, 3600),
        (3600, -60, {"attempts": 3}, 3600),
        (3600, None, {"attempts": 3}, None),
        (3600, -3600, {"in_digest": True}, None),
        (3600, 60, {"in_digest": True}, 60),
        (3600, -60, {"in_digest": True, "attempts": 1}, None),
    ],
    ids=[
        "never tried",
        "tried again in a minute",
        "sent",
        "for tomorrow's digest",
        "for today's digest",
        "that digest again",
    ],
)
def test_a_mail_that_waits_is_seen_and_one_that_is_meant_to_is_not(
    cast, broker, monkeypatch, written, due, more, waits
) -> None:
    use_broker(monkeypatch, unread(broker))
    now = timezone.now()
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
        verification = Verification.objects.create(tenant=cast.tenant, connection=connection, requested_by="Test")
        Notification.objects.create(
            tenant=cast.tenant,
            connection=connection,
            verification=verification,
            recipient="owner@example.com",
            changes=[],
            due_at=None if due is None else now - timedelta(seconds=due),
            **more,
        )
        Notification.objects.update(created_at=now - timedelta(seconds=written))

    seen = gauges()

    assert seen["rolebridge_lookup_ok", "mails"] == 1
    assert seen["rolebridge_mails_waiting",] == (0 if waits is None else 1)
    assert (waits or 0) <= seen["rolebridge_oldest_mail_seconds",] < (waits or 0) + 30


def test_each_alarm_is_told_and_so_is_one_that_is_off(db) -> None:
    def told() -> dict[str, float]:
        return {labels[1]: value for labels, value in gauges().items() if labels[0] == "rolebridge_alarm"}

    before, now = told(), timezone.now()
    with installation_scope():
        EmergencyStop.objects.create(reason="A test", started_at=now, started_by="Test")
        IntegrationRole.objects.create(role_arn="arn:aws:iam::111111111111:role/b", role_id="B", first_seen_at=now)
    some = told()
    with installation_scope():
        broken = {"log-analysis": "refused"}
        VendorIdentity.objects.create(works=False, since=now, checked_at=now, broken_components=broken)
    all_of_them = told()

    assert before == dict.fromkeys(before, 0)
    assert [name for name, is_on in some.items() if is_on] == ["emergency_stop", "integration_role_recreated"]
    assert all_of_them == dict.fromkeys(before, 1)
    assert len(before) == 4


def test_what_is_shed_is_counted_apart_from_what_went_wrong(db) -> None:
    def counted(answer: str) -> float:
        labels = {"method": "GET", "route": "none", "answer": answer}
        return REGISTRY.get_sample_value("rolebridge_http_request_seconds_count", labels) or 0

    before = counted("shed"), counted("5xx")

    answer = Client().get("/accounts/login/", headers={"X-Request-Start": f"t={time.time() - 20:.3f}"})

    assert answer.status_code == 503
    assert (counted("shed"), counted("5xx")) == (before[0] + 1, before[1])


def test_what_is_no_answer_of_aws_makes_no_series_of_its_own(db) -> None:
    from integrations.aws import calls

    class Model:
        name = "AssumeRole"

        class service_model:  # noqa: N801  as botocore calls it
            service_name = "sts"

    calls._count(Model, "<html>anything at all " * 9)

    assert REGISTRY.get_sample_value("rolebridge_sts_calls_total", {"operation": "AssumeRole", "code": "other"}) == 1
