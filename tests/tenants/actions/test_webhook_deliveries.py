"""Webhooks reach real servers at least once, signed, and a lost worker loses nothing."""

import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import current_app
from django.core import mail
from django.db import connections, transaction
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.pausing import pause
from integrations.models import Connection
from portal.local.services import ROOT
from tenants import outbound
from tenants.actions import webhook_deliveries
from tenants.actions.tokens import create_token
from tenants.actions.webhook_deliveries import (
    MOST_TRIES,
    WAITS,
    asked_wait,
    deliver,
    forget_old_events,
    hand_out_due,
    wait_after,
)
from tenants.actions.webhooks import (
    EndpointDisabled,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    replay_delivery,
    rotate_secret,
    send_test_event,
)
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret
from tenants.outbound import Answer
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.brokers import unread, use_broker
from tests.processes import celery_worker
from tests.reports import found
from tests.web_servers import answering, web_server


@pytest.fixture(autouse=True)
def sent_tasks(broker, monkeypatch) -> list[tuple[UUID, UUID, UUID]]:
    """What was handed to workers; no worker takes it."""
    use_broker(monkeypatch, unread(broker))
    sent: list[tuple[UUID, UUID, UUID]] = []

    def send_task(name, args=(), **_):
        if name == webhook_deliveries.DELIVER_TASK:
            tenant_id, endpoint_id, lease = (UUID(text) for text in args)
            sent.append((tenant_id, endpoint_id, lease))

    monkeypatch.setattr(current_app, "send_task", send_task)
    return sent


@pytest.fixture
def work(sent_tasks):
    """Hand out what is due, and do it; gives how many attempts were made."""

    def do() -> int:
        sent_tasks.clear()
        hand_out_due()
        return sum(deliver(tenant_id=one, endpoint_id=two, lease=three) for one, two, three in sent_tasks)

    return do


@pytest.fixture
def server():
    with web_server(answering(200, b"thanks")) as running:
        yield running


def add_endpoint(tenant, url, *event_types) -> tuple[WebhookEndpoint, str]:
    with tenant_scope(tenant.pk):
        return create_endpoint(
            tenant=tenant, url=url, event_types=event_types or [WebhookEventType.CONNECTION_CREATED], by=SYSTEM
        )


def add_connection(tenant, name="Production") -> Connection:
    with tenant_scope(tenant.pk):
        return create_connection(tenant=tenant, name=name, by=SYSTEM)


def deliveries(tenant) -> list[WebhookDelivery]:
    with tenant_scope(tenant.pk):
        return list(WebhookDelivery.objects.select_related("event", "endpoint").prefetch_related("attempts"))


def make_due(tenant, ago=timedelta()) -> None:
    """As if the wait were over, and the lease of a worker that is lost too."""
    with tenant_scope(tenant.pk):
        WebhookDelivery.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - ago)
        WebhookEndpoint.objects.update(leased_until=timezone.now() - timedelta(seconds=1))


def is_signed(asked, secret: str) -> bool:
    """Whether a receiver that knows the secret takes the call for ours: by the code that customers are given."""
    reference = (ROOT / "docs" / "reference" / "webhooks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", reference, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_ours"](asked.headers, asked.body, secret)


def test_the_reference_names_every_event() -> None:
    reference = (ROOT / "docs" / "reference" / "webhooks.md").read_text()

    assert [kind for kind in [*WebhookEventType.values, "webhook.test"] if f"`{kind}`" not in reference] == []


class TestWhatIsTold:
    def test_an_event_is_sent_once_with_who_did_what_to_what(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, f"{server.address}/hooks?key=1")
        connection = add_connection(cast.tenant)

        assert work() == 1
        assert work() == 0

        (asked,) = server.asked
        body = json.loads(asked.body)
        assert (asked.method, asked.path) == ("POST", "/hooks?key=1")
        assert asked.headers["content-type"] == "application/json"
        assert body["type"] == "connection.created"
        assert body["data"]["tenant_id"] == str(cast.tenant.pk)
        assert body["data"]["target"] == {"kind": "connection", "id": str(connection.pk)}
        assert body["data"]["actor"] == {"kind": "system", "name": "Rolebridge"}
        (delivery,) = deliveries(cast.tenant)
        (attempt,) = delivery.attempts.all()
        assert (delivery.state, delivery.due_at) == ("delivered", None)
        assert (attempt.status, attempt.answer, attempt.error) == (200, "thanks", "")

    def test_an_endpoint_is_told_of_what_it_asks_for_and_of_nothing_else(self, cast, server, work) -> None:
        add_endpoint(
            cast.tenant, server.address, WebhookEventType.CONNECTION_PAUSED, WebhookEventType.API_TOKEN_CREATED
        )
        connection = add_connection(cast.tenant)
        with tenant_scope(cast.tenant.pk):
            pause(connection=connection, by=SYSTEM)
            create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)

        work()

        assert [json.loads(asked.body)["type"] for asked in server.asked] == ["connection.paused", "api_token.created"]

    def test_a_status_that_is_sure_is_told_with_the_roles(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address, WebhookEventType.CONNECTION_STATUS_CHANGED)
        connection = add_connection(cast.tenant)

        for _ in range(2):
            found(connection, log_analysis="passed")
        work()

        (asked,) = server.asked
        details = json.loads(asked.body)["data"]["details"]
        assert details["roles"] == [{"component": "log-analysis", "before": "", "after": "connected"}]

    def test_another_tenants_events_are_not_told(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)

        add_connection(cast.other_tenant)

        assert work() == 0
        assert deliveries(cast.other_tenant) == []

    def test_what_is_rolled_back_is_not_told(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)

        with tenant_scope(cast.tenant.pk):
            create_connection(tenant=cast.tenant, name="Never", by=SYSTEM)
            transaction.set_rollback(True)

        assert work() == 0
        assert deliveries(cast.tenant) == []


class TestSignatures:
    def test_a_receiver_proves_who_sent_it_and_another_secret_does_not(self, cast, server, work) -> None:
        _, secret = add_endpoint(cast.tenant, server.address)
        _, other = add_endpoint(cast.tenant, f"{server.address}/other", WebhookEventType.MEMBER_LEFT)
        add_connection(cast.tenant)

        work()

        assert is_signed(server.asked[0], secret)
        assert not is_signed(server.asked[0], other)

    def test_a_changed_body_time_or_id_is_noticed(self, cast, server, work) -> None:
        _, secret = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        work()

        (asked,) = server.asked
        changed = [
            type(asked)(asked.method, asked.path, asked.headers, asked.body + b" "),
            type(asked)(
                asked.method,
                asked.path,
                asked.headers | {"webhook-timestamp": str(int(asked.headers["webhook-timestamp"]) - 1)},
                asked.body,
            ),
            type(asked)(asked.method, asked.path, asked.headers | {"webhook-id": str(uuid4())}, asked.body),
        ]
        assert [is_signed(one, secret) for one in changed] == [False, False, False]

    def test_while_a_secret_is_rotated_both_prove_it_and_afterwards_the_new_one_alone(self, cast, server, work) -> None:
        endpoint, old = add_endpoint(cast.tenant, server.address)
        with tenant_scope(cast.tenant.pk):
            new = rotate_secret(endpoint=endpoint, by=SYSTEM)
        add_connection(cast.tenant, "In between")
        work()
        with tenant_scope(cast.tenant.pk):
            WebhookSecret.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())
        add_connection(cast.tenant, "Afterwards")
        work()

        between, after = server.asked

        assert [is_signed(between, secret) for secret in (old, new)] == [True, True]
        assert [is_signed(after, secret) for secret in (old, new)] == [False, True]

    def test_a_second_rotation_ends_the_first_secret_at_once(self, cast, server, work) -> None:
        endpoint, first = add_endpoint(cast.tenant, server.address)
        with tenant_scope(cast.tenant.pk):
            second, third = (rotate_secret(endpoint=endpoint, by=SYSTEM) for _ in range(2))
        add_connection(cast.tenant)

        work()

        assert [is_signed(server.asked[0], secret) for secret in (first, second, third)] == [False, True, True]

    def test_a_copy_of_the_database_holds_no_secret(self, cast) -> None:
        _, secret = add_endpoint(cast.tenant, "https://hooks.example.com/")

        with tenant_scope(cast.tenant.pk):
            kept = WebhookSecret.objects.get()

        assert secret not in kept.sealed_secret
        assert secret.removeprefix("whsec_") not in kept.sealed_secret


class TestFailures:
    def test_after_500s_it_is_tried_again_with_the_same_id_and_bytes_until_it_works(self, cast, server, work) -> None:
        server.answer = answering(500, b"<b>down</b>")
        _, secret = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        work()
        assert work() == 0  # its wait is not over
        make_due(cast.tenant)
        work()
        server.answer = answering(204)
        make_due(cast.tenant)
        work()

        (delivery,) = deliveries(cast.tenant)
        assert [attempt.status for attempt in delivery.attempts.all()] == [204, 500, 500]
        assert delivery.state == "delivered"
        assert len({(asked.headers["webhook-id"], asked.body) for asked in server.asked}) == 1
        assert all(is_signed(asked, secret) for asked in server.asked)
        with tenant_scope(cast.tenant.pk):
            assert WebhookEndpoint.objects.get().failing_since is None

    def test_waits_grow_and_are_spread(self) -> None:
        for tries, wait in enumerate(WAITS, start=1):
            spread = {wait_after(tries) for _ in range(20)}
            assert len(spread) > 1
            assert all(wait * 0.8 <= one <= wait * 1.2 for one in spread)
        assert list(WAITS) == sorted(WAITS)

    def test_after_the_last_attempt_it_is_given_up(self, cast, server, work) -> None:
        server.answer = answering(503)
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        for _ in range(MOST_TRIES + 3):
            work()
            make_due(cast.tenant)

        (delivery,) = deliveries(cast.tenant)
        assert (delivery.state, delivery.due_at) == ("failed", None)
        assert len(server.asked) == MOST_TRIES

    def test_an_endpoint_that_hangs_is_a_failure_with_a_reason(self, cast, server, work, monkeypatch) -> None:
        monkeypatch.setattr(webhook_deliveries, "DEADLINE_SECONDS", 0.3)
        ended = threading.Event()
        server.answer = lambda _asked, _handler: ended.wait(5)
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        work()
        ended.set()

        (delivery,) = deliveries(cast.tenant)
        (attempt,) = delivery.attempts.all()
        assert (attempt.status, attempt.error) == (None, "There was no whole answer in time.")
        assert delivery.state == "waiting"

    def test_a_redirect_is_a_failure_and_is_not_followed(self, cast, server, work) -> None:
        with web_server(answering(200)) as elsewhere:
            server.answer = answering(307, headers={"Location": elsewhere.address})
            add_endpoint(cast.tenant, server.address)
            add_connection(cast.tenant)

            work()

            assert elsewhere.asked == []
        (delivery,) = deliveries(cast.tenant)
        assert delivery.attempts.all()[0].status == 307
        assert delivery.state == "waiting"

    def test_an_address_that_leads_inside_is_never_called(self, cast, server, work, settings) -> None:
        """It was saved when it was allowed, or its name meant something else then."""
        add_endpoint(cast.tenant, server.address.replace("http://", "https://").replace("127.0.0.1", "localhost"))
        add_connection(cast.tenant)
        settings.OUTBOUND_MAY_REACH_LOOPBACK = False

        work()

        assert server.asked == []
        (delivery,) = deliveries(cast.tenant)
        assert "not public" in delivery.attempts.all()[0].error

    def test_what_it_answers_is_kept_as_text_up_to_a_limit(self, cast, server, work) -> None:
        server.answer = answering(500, b"\x00\xff<script>" + b"x" * 5000)
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        work()

        (delivery,) = deliveries(cast.tenant)
        answer = delivery.attempts.all()[0].answer
        assert answer.startswith("\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}<script>xxx")
        assert len(answer) == 1000

    def test_one_that_failed_for_days_is_switched_off_and_its_owners_are_told(self, cast, server, work) -> None:
        server.answer = answering(500)
        endpoint, _ = add_endpoint(cast.tenant, f"{server.address}/secret-path")
        add_connection(cast.tenant, "First")
        add_connection(cast.tenant, "Second")
        work()
        mail.outbox.clear()
        with tenant_scope(cast.tenant.pk):
            WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=5))
        make_due(cast.tenant)

        assert work() == 1

        with tenant_scope(cast.tenant.pk):
            endpoint.refresh_from_db()
            assert AuditEvent.objects.filter(action="system:webhook_endpoint:disabled").count() == 1
        assert (endpoint.enabled, endpoint.disabled_by) == (False, "failures")
        assert {delivery.state for delivery in deliveries(cast.tenant)} == {"failed"}
        assert [message.to for message in mail.outbox] == [["owner@example.com"]]
        assert "secret-path" not in mail.outbox[0].body
        add_connection(cast.tenant, "Third")
        assert work() == 0

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_receiver_that_asks_us_to_wait_is_left_alone_for_that_long(self, cast, server, work, status) -> None:
        server.answer = answering(status, headers={"Retry-After": "1800"})
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant, "First")
        add_connection(cast.tenant, "Second")

        assert work() == 1  # the second event waits too

        soonest = timezone.now() + timedelta(minutes=29)
        assert [delivery.state for delivery in deliveries(cast.tenant)] == ["waiting", "waiting"]
        assert all(delivery.due_at > soonest for delivery in deliveries(cast.tenant))
        server.answer = answering(200)
        make_due(cast.tenant)
        assert work() == 2

    def test_what_is_asked_is_bounded_and_what_says_nothing_is_left_aside(self) -> None:
        in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        for text, least, most in (
            ("120", 120, 120),
            (in_an_hour, 3500, 3600),
            ("999999999999999999999", 36000, 36000),
            ("Wed, 21 Oct 2122 07:28:00 GMT", 36000, 36000),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
            ("Mon, 01 Jan 0001 00:00:00 +2359", 0, 0),
            ("Fri, 31 Dec 9999 23:59:59 -2359", 36000, 36000),
            ("Mon, 01 Jan 99999999999999999999 00:00:00 +0000", 0, 0),
            ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", 0, 0),
            ("-5", 0, 0),
            ("1.5", 0, 0),
            ("\u0663", 0, 0),
            ("soon", 0, 0),
            ("", 0, 0),
        ):
            answer = Answer(503, {"retry-after": text}, b"", is_cut=False)
            assert least <= asked_wait(answer).total_seconds() <= most, text
        assert asked_wait(Answer(500, {"retry-after": "120"}, b"", is_cut=False)) == timedelta()
        assert asked_wait(None) == timedelta()

    def test_one_that_is_gone_is_switched_off_at_once_and_its_owners_are_told(self, cast, server, work) -> None:
        server.answer = answering(410)
        endpoint, _ = add_endpoint(cast.tenant, f"{server.address}/secret-path")
        add_connection(cast.tenant, "First")
        add_connection(cast.tenant, "Second")
        mail.outbox.clear()

        assert work() == 1

        with tenant_scope(cast.tenant.pk):
            endpoint.refresh_from_db()
            event = AuditEvent.objects.get(action="system:webhook_endpoint:disabled")
        assert (endpoint.enabled, endpoint.disabled_by) == (False, "gone")
        assert event.data["reason"] == "gone"
        assert {delivery.state for delivery in deliveries(cast.tenant)} == {"failed"}
        assert [message.to for message in mail.outbox] == [["owner@example.com"]]
        assert "answered 410" in mail.outbox[0].body
        assert "secret-path" not in mail.outbox[0].body
        add_connection(cast.tenant, "Third")
        assert (work(), len(server.asked)) == (0, 1)

    def test_one_that_was_gone_is_told_again_once_it_is_switched_on(self, cast, server, work) -> None:
        server.answer = answering(410)
        endpoint, _ = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        work()
        server.answer = answering(200)

        with tenant_scope(cast.tenant.pk):
            change_endpoint(endpoint=endpoint, enabled=True, by=SYSTEM)
        add_connection(cast.tenant, "Second")

        assert work() == 1
        assert [delivery.state for delivery in deliveries(cast.tenant)] == ["delivered", "failed"]


class TestLostWorkers:
    def test_a_worker_that_is_lost_in_the_middle_loses_nothing(
        self, cast, server, work, sent_tasks, monkeypatch
    ) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        def lost(_claim) -> None:
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(webhook_deliveries, "_send", lost)
            with pytest.raises(SystemExit):
                work()
        assert work() == 0  # it is still held
        make_due(cast.tenant)

        assert work() == 1

        (delivery,) = deliveries(cast.tenant)
        assert (delivery.state, delivery.tries) == ("delivered", 2)

    def test_what_kills_every_worker_is_given_up(self, cast, server, work, monkeypatch) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        with tenant_scope(cast.tenant.pk):
            WebhookDelivery.objects.update(tries=MOST_TRIES)

        assert work() == 0

        (delivery,) = deliveries(cast.tenant)
        assert delivery.state == "failed"
        assert server.asked == []

    def test_a_message_that_comes_twice_or_late_does_nothing(self, cast, server, sent_tasks) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        hand_out_due()
        ((tenant_id, endpoint_id, lease),) = sent_tasks

        attempts = [deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease) for _ in range(2)]
        add_connection(cast.tenant, "Another")
        attempts.append(deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease))
        attempts.append(deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=uuid4()))

        assert attempts == [1, 0, 0, 0]

    def test_another_tenants_endpoint_is_not_served(self, cast, server, sent_tasks) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        hand_out_due()
        ((_, endpoint_id, lease),) = sent_tasks

        assert deliver(tenant_id=cast.other_tenant.pk, endpoint_id=endpoint_id, lease=lease) == 0

    def test_an_endpoint_that_is_held_is_not_handed_out_again(self, cast, server, sent_tasks) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        assert [hand_out_due(), hand_out_due()] == [1, 0]

    def test_no_transaction_is_open_while_it_is_called(self, cast, server, work, monkeypatch) -> None:
        open_ones = []
        real = outbound.exchange

        def exchange(*args, **named):
            open_ones.append(connections["default"].in_atomic_block)
            return real(*args, **named)

        monkeypatch.setattr(webhook_deliveries, "exchange", exchange)
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        work()

        assert open_ones == [False]

    def test_each_tenants_first_endpoint_comes_before_any_tenants_second(self, cast, server, sent_tasks) -> None:
        for number in range(3):
            add_endpoint(cast.tenant, f"{server.address}/{number}")
        add_endpoint(cast.other_tenant, server.address)
        add_connection(cast.tenant)
        add_connection(cast.other_tenant)

        hand_out_due()

        assert cast.other_tenant.pk in [tenant_id for tenant_id, *_ in sent_tasks[:2]]

    def test_a_tenant_holds_two_workers_however_many_of_its_endpoints_hang(self, cast, server, sent_tasks) -> None:
        for number in range(10):
            add_endpoint(cast.tenant, f"{server.address}/{number}")
        add_connection(cast.tenant)

        assert [hand_out_due(), hand_out_due()] == [2, 0]

        add_endpoint(cast.other_tenant, server.address)
        add_connection(cast.other_tenant)
        assert hand_out_due() == 1, "another tenant does not wait for it"
        assert [tenant_id for tenant_id, *_ in sent_tasks] == [cast.tenant.pk, cast.tenant.pk, cast.other_tenant.pk]
        tenant_id, endpoint_id, lease = sent_tasks[0]
        assert deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease) == 1
        assert hand_out_due() == 1, "the next one follows as soon as one has had its turn"

    def test_those_that_hold_no_worker_come_before_those_that_do(self, cast, server, sent_tasks, monkeypatch) -> None:
        for number in range(3):
            add_endpoint(cast.tenant, f"{server.address}/{number}")
        add_connection(cast.tenant)
        monkeypatch.setattr(webhook_deliveries, "MOST_AT_ONCE", 1)
        hand_out_due()
        add_endpoint(cast.other_tenant, server.address)
        add_connection(cast.other_tenant)  # due later than the first tenant's

        hand_out_due()

        assert [tenant_id for tenant_id, *_ in sent_tasks] == [cast.tenant.pk, cast.other_tenant.pk]

    def test_a_tenants_endpoints_take_turns(self, cast, server, sent_tasks, monkeypatch) -> None:
        monkeypatch.setattr(webhook_deliveries, "TURN_SECONDS", 0.0)  # so that everything stays due
        ours = {add_endpoint(cast.tenant, f"{server.address}/{number}")[0].pk for number in range(6)}
        add_connection(cast.tenant)

        for _ in range(3):
            hand_out_due()
            for tenant_id, endpoint_id, lease in sent_tasks[-2:]:
                deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease)

        assert {endpoint_id for _, endpoint_id, _ in sent_tasks} == ours


class TestByHand:
    def test_a_delivery_is_sent_once_more_with_the_same_id(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)
        work()
        (delivery,) = deliveries(cast.tenant)
        with tenant_scope(cast.tenant.pk):
            replay_delivery(delivery=delivery, by=SYSTEM)

        assert work() == 1

        assert len({asked.headers["webhook-id"] for asked in server.asked}) == 1
        assert len(server.asked) == 2

    def test_a_test_event_goes_to_one_endpoint_alone(self, cast, server, work) -> None:
        endpoint, _ = add_endpoint(cast.tenant, f"{server.address}/one")
        add_endpoint(cast.tenant, f"{server.address}/two")
        with tenant_scope(cast.tenant.pk):
            send_test_event(endpoint=endpoint, by=SYSTEM)

        work()

        (asked,) = server.asked
        assert (asked.path, json.loads(asked.body)["type"]) == ("/one", "webhook.test")

    def test_one_that_is_switched_off_is_told_nothing_and_keeps_nothing(self, cast, server, work) -> None:
        endpoint, _ = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant, "Waits")
        with tenant_scope(cast.tenant.pk):
            change_endpoint(endpoint=endpoint, enabled=False, by=SYSTEM)
        add_connection(cast.tenant, "Never told")

        assert work() == 0

        (delivery,) = deliveries(cast.tenant)
        assert delivery.state == "failed"
        for act in (
            lambda: send_test_event(endpoint=endpoint, by=SYSTEM),
            lambda: replay_delivery(delivery=delivery, by=SYSTEM),
        ):
            with tenant_scope(cast.tenant.pk), pytest.raises(EndpointDisabled):
                act()
        with tenant_scope(cast.tenant.pk):
            change_endpoint(endpoint=endpoint, enabled=True, by=SYSTEM)
            replay_delivery(delivery=delivery, by=SYSTEM)
        assert work() == 1

    def test_one_that_is_deleted_while_it_is_called_leaves_nothing(self, cast, server, work) -> None:
        endpoint, _ = add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant)

        def answer(asked, handler) -> None:
            with tenant_scope(cast.tenant.pk):
                delete_endpoint(endpoint=endpoint, by=SYSTEM)
            connections["default"].close()
            answering(200)(asked, handler)

        server.answer = answer

        assert work() == 1
        assert deliveries(cast.tenant) == []

    def test_old_events_are_forgotten(self, cast, server, work) -> None:
        add_endpoint(cast.tenant, server.address)
        add_connection(cast.tenant, "Long ago")
        add_connection(cast.tenant, "Now")
        work()
        with tenant_scope(cast.tenant.pk):
            old = WebhookEvent.objects.order_by("created_at").first()
            WebhookEvent.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))

        assert forget_old_events() == 1

        assert len(deliveries(cast.tenant)) == 1


def test_worker_and_beat_deliver_what_a_killed_worker_left(cast, server, monkeypatch, beat, broker) -> None:
    """The whole way: beat finds what is due, a worker is killed in the middle of a call, and another one delivers."""
    monkeypatch.undo()  # tasks are sent
    arrived, ended = threading.Event(), threading.Event()

    def hang(_asked, _handler) -> None:
        arrived.set()
        ended.wait(20)

    server.answer = hang
    add_endpoint(cast.tenant, server.address)
    with celery_worker("doomed") as doomed:
        add_connection(cast.tenant)
        assert arrived.wait(20), "beat and worker did not call"
        doomed.kill()
        doomed.wait()
    server.answer = answering(200)
    ended.set()
    make_due(cast.tenant)

    with celery_worker("second"):
        ends_at = time.monotonic() + 30
        while deliveries(cast.tenant)[0].state != "delivered" and time.monotonic() < ends_at:
            time.sleep(0.2)

    (delivery,) = deliveries(cast.tenant)
    assert (delivery.state, delivery.tries) == ("delivered", 2)
    assert len({(asked.headers["webhook-id"], asked.body) for asked in server.asked}) == 1
