"""People are told once of what is sure, and no mail is lost or sent in a transaction."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.utils import timezone

from integrations.actions import notifications
from integrations.actions.connections import create_connection
from integrations.models import Connection, Finding, Notification
from tenants.audit import SYSTEM
from tenants.models import NotificationAddress
from tenants.scope import tenant_scope
from tests.reports import found

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


def told(connection: Connection) -> list[list[str]]:
    """What the owner was told, mail by mail."""
    with tenant_scope(connection.tenant_id):
        mails = Notification.objects.filter(recipient="owner@example.com").order_by("created_at")
        return [sorted(f"{one['component']} {one['after']}" for one in mail.changes) for mail in mails]


def rows(connection: Connection) -> list[Notification]:
    with tenant_scope(connection.tenant_id):
        return list(Notification.objects.order_by("recipient"))


def make_due(connection: Connection) -> None:
    with tenant_scope(connection.tenant_id):
        Notification.objects.filter(due_at__isnull=False).update(due_at=timezone.now())


class TestWhatIsTold:
    def test_one_verification_writes_one_mail_to_each_owner_and_admin(self, cast, connection) -> None:
        for _ in range(2):
            found(connection, log_analysis="passed", compute_analysis="passed")

        assert told(connection) == [["compute-analysis connected", "log-analysis connected"]]
        assert [row.recipient for row in rows(connection)] == ["admin@example.com", "owner@example.com"]

    def test_bad_news_is_told_once_a_second_verification_finds_it_too(self, connection) -> None:
        for result in ("passed", "passed", "degraded"):
            found(connection, log_analysis=result)
        assert told(connection) == [["log-analysis connected"]]

        for _ in range(3):
            found(connection, log_analysis="degraded")

        assert told(connection) == [["log-analysis connected"], ["log-analysis degraded"]]

    def test_what_comes_and_goes_is_not_told(self, connection) -> None:
        for result in ("passed", "passed", "refused", "passed", "passed", "degraded", "passed", "passed"):
            found(connection, log_analysis=result)

        assert told(connection) == [["log-analysis connected"]]

    def test_an_open_role_is_told_at_once_and_once(self, connection) -> None:
        found(connection, log_analysis="unsafe")
        found(connection, log_analysis="unsafe")

        assert told(connection) == [["log-analysis unsafe"]]

    @pytest.mark.parametrize("result", ["no_verdict", "refused"])
    def test_a_failure_of_ours_and_what_is_awaited_are_not_told(self, connection, result) -> None:
        for _ in range(3):
            found(connection, log_analysis=result)

        assert told(connection) == []

    def test_bad_news_has_a_second_look_within_a_minute_or_so(self, connection) -> None:
        for result in ("passed", "passed", "refused"):
            found(connection, log_analysis=result, compute_analysis="passed")

        with tenant_scope(connection.tenant_id):
            connection.refresh_from_db()
        assert connection.next_verification_at < timezone.now() + timedelta(seconds=70)

    def test_confirmed_notification_addresses_are_told_too(self, cast, connection) -> None:
        with tenant_scope(cast.tenant.pk):
            for email, verified_at in (("soc@example.com", timezone.now()), ("typo@example.com", None)):
                NotificationAddress.objects.create(
                    tenant=cast.tenant, email=email, digest=email, verified_at=verified_at
                )

        found(connection, log_analysis="unsafe")

        assert [row.recipient for row in rows(connection)] == [
            "admin@example.com",
            "owner@example.com",
            "soc@example.com",
        ]

    def test_a_tenant_hears_nothing_of_another(self, cast, connection) -> None:
        found(connection, log_analysis="unsafe")

        with tenant_scope(cast.other_tenant.pk):
            assert not Notification.objects.exists()


class TestTheMail:
    def test_says_what_changed_in_text_and_html_and_leads_to_the_page(self, cast, connection, settings) -> None:
        with tenant_scope(cast.tenant.pk):
            Connection.objects.filter(pk=connection.pk).update(name="<b>Prod</b>\nBcc: evil@example.org")
        verification = found(connection, log_analysis="unsafe")
        with tenant_scope(cast.tenant.pk):
            Finding.objects.create(
                tenant=cast.tenant, verification=verification, component="log-analysis", check_code="x",
                outcome="violated", who="customer", title="Your role lets us in", fix="Deploy the template again.",
                detail="arn:aws:organizations::1:policy/o-abcdefghij/scp/p-abcdefgh",
            )  # fmt: skip

        assert notifications.send_due() == 2

        message = next(one for one in mail.outbox if one.to == ["owner@example.com"])
        ((html, _),) = message.alternatives  # type: ignore[attr-defined]  # the stubs know plain messages alone
        page = f"{settings.BASE_URL}/tenants/{cast.tenant.pk}/connections/{connection.pk}/"
        assert message.subject == "<b>Prod</b> Bcc: evil@example.org: unsafe"
        assert message.recipients() == ["owner@example.com"]
        assert "<b>Prod" not in html
        for text in (message.body, html):
            for shown in ("Log analysis", "Unsafe", "2222-3333-4444", "Your role lets us in", "Deploy the", page):
                assert shown in text
            assert "o-abcdefghij" not in text

    def test_goes_out_once(self, connection) -> None:
        found(connection, log_analysis="unsafe")

        assert [notifications.send_due(), notifications.send_due()] == [2, 0]

        assert len(mail.outbox) == 2
        assert all(row.sent_at and row.due_at is None for row in rows(connection))

    def test_is_sent_by_a_worker_after_the_commit(self, connection, worker, beat) -> None:
        found(connection, log_analysis="unsafe")
        deadline = time.monotonic() + 30

        while not all(row.sent_at for row in rows(connection)):
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def test_is_sent_with_no_transaction_open(self, connection, monkeypatch) -> None:
        found(connection, log_analysis="unsafe")
        open_transactions = []
        monkeypatch.setattr(
            EmailBackend,
            "send_messages",
            lambda *_: open_transactions.append(connections["default"].in_atomic_block),
        )

        notifications.send_due()

        assert open_transactions == [False, False]

    def test_two_senders_at_once_send_each_once(self, connection) -> None:
        found(connection, log_analysis="unsafe")
        sent = []

        def run() -> None:
            sent.append(notifications.send_due())
            connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sum(sent) == len(mail.outbox) == 2


class TestWithABrokenMailServer:
    def test_nothing_is_lost_and_it_is_tried_ever_more_slowly(self, connection, settings) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        found(connection, log_analysis="unsafe")
        with tenant_scope(connection.tenant_id):
            Notification.objects.exclude(recipient="owner@example.com").delete()
        waits = []

        for _ in range(8):
            make_due(connection)
            assert notifications.send_due() == 0
            (tried,) = rows(connection)
            waits.append(round((tried.due_at - timezone.now()).total_seconds() / 60))
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        make_due(connection)

        assert notifications.send_due() == 1
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60]

    @pytest.mark.parametrize("answer", [b"450 4.2.1 later\r\n", b"550 5.1.1 nobody\r\n"])
    def test_what_the_server_refuses_is_tried_again(self, connection, settings, answer) -> None:
        found(connection, log_analysis="unsafe")

        with smtp_server(settings, to_recipient=answer):
            assert notifications.send_due() == 0

        assert len(rows(connection)) == 2, "one address that is refused keeps no other waiting"
        for tried in rows(connection):
            assert (tried.attempts, tried.unanswered, tried.sent_at) == (1, 0, None)
            assert tried.due_at > timezone.now()

    def test_where_nobody_knows_whether_it_went_out_it_is_sent_three_times_at_the_most(
        self, connection, settings
    ) -> None:
        found(connection, log_analysis="unsafe")

        with smtp_server(settings, silent_after_data=True) as received:
            for _ in range(12):
                make_due(connection)
                notifications.send_due()

        assert {row.unanswered for row in rows(connection)} == {notifications.MOST_UNANSWERED}
        assert {row.due_at for row in rows(connection)} == {None}
        assert len(received) == 2 * notifications.MOST_UNANSWERED

    def test_a_worker_lost_between_sending_and_noting_it_sends_it_again(self, connection, monkeypatch) -> None:
        found(connection, log_analysis="unsafe")
        with monkeypatch.context() as patch:
            patch.setattr(notifications, "_note", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
            with pytest.raises(SystemExit):
                notifications.send_due()
        assert len(mail.outbox) == 1

        make_due(connection)
        notifications.send_due()

        first, again = (one.extra_headers["Message-ID"] for one in mail.outbox if one.to == mail.outbox[0].to)
        assert first == again

    def test_after_three_days_it_is_given_up(self, connection) -> None:
        found(connection, log_analysis="unsafe")
        with tenant_scope(connection.tenant_id):
            Notification.objects.update(created_at=timezone.now() - timedelta(days=4))

        assert notifications.send_due() == 0

        assert {(row.due_at, row.sent_at) for row in rows(connection)} == {(None, None)}


@contextmanager
def smtp_server(settings, *, to_recipient: bytes = b"250 ok\r\n", silent_after_data: bool = False) -> Iterator[list]:
    """A mail server that answers so; gives the mails that it has received."""
    received: list[bytes] = []

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go\r\n")
                    text = b""
                    while not text.endswith(b"\r\n.\r\n"):
                        text += self.rfile.readline()
                    received.append(text)
                    if silent_after_data:
                        return
                answers = {b"RCPT": to_recipient, b"QUIT": b"221 bye\r\n"}
                self.wfile.write(answers.get(verb, b"250 ok\r\n"))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield received
        server.shutdown()


class TestDailyDigest:
    @pytest.fixture(autouse=True)
    def once_a_day(self, cast) -> None:
        with tenant_scope(cast.tenant.pk):
            cast.tenant.daily_digest = True
            cast.tenant.save()

    def test_changes_wait_for_the_morning_and_come_in_one_mail(self, cast, connection) -> None:
        with tenant_scope(cast.tenant.pk):
            other = create_connection(tenant=cast.tenant, name="Other", account_id="333344445555", by=SYSTEM)
        for _ in range(2):
            found(connection, log_analysis="passed")
            found(other, log_analysis="passed")
        for _ in range(2):
            found(connection, log_analysis="degraded")
        assert notifications.send_due() == 0

        make_due(connection)
        sent = notifications.send_due()

        assert sent == 2  # one for each of owner and admin
        assert sorted(one.to[0] for one in mail.outbox) == ["admin@example.com", "owner@example.com"]
        assert mail.outbox[0].subject == "2 connections have changed"
        ((html, _),) = mail.outbox[0].alternatives  # type: ignore[attr-defined]  # the stubs know plain messages alone
        for body in (mail.outbox[0].body, str(html)):
            assert "Log analysis: Degraded" in body or "Log analysis: <strong>Degraded</strong>" in body
            assert body.count("Log analysis") == 2  # each connection's last status alone
            assert str(other.pk) in body
        assert [row.due_at for row in rows(connection)] == [None] * 6

    def test_an_unsafe_role_is_told_at_once(self, connection) -> None:
        for _ in range(2):
            found(connection, log_analysis="passed")
        make_due(connection)
        notifications.send_due()
        mail.outbox.clear()

        for _ in range(2):
            found(connection, log_analysis="unsafe")

        assert notifications.send_due() == 2
        assert mail.outbox[0].subject == "Production: unsafe"

    def test_it_is_due_within_a_day_and_not_for_all_at_once(self, cast) -> None:
        now = timezone.now()

        due = {notifications.next_digest(tenant, now) for tenant in (cast.tenant, cast.other_tenant)}

        assert len(due) == 2
        assert all(now < at <= now + timedelta(days=1) and at.hour == notifications.DIGEST_HOUR for at in due)
