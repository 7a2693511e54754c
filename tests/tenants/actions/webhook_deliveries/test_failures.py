"""What becomes of a delivery, and of its endpoint, when the receiver does not take it."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.core import mail
from django.utils import timezone

from tenants.actions import webhook_deliveries
from tenants.actions.webhook_deliveries import MOST_TRIES, WAITS, asked_wait, wait_after
from tenants.actions.webhooks import change_endpoint
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, WebhookEndpoint
from tenants.outbound import Answer
from tenants.scope import tenant_scope
from tests.tenants.actions.webhook_deliveries.endpoints import (
    add_connection,
    add_endpoint,
    deliveries,
    is_signed,
    make_due,
)
from tests.web_servers import answering, web_server


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
