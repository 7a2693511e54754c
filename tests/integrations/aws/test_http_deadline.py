"""However slowly an answer comes, the call ends, the run ends, and no thread stays behind."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.aws import http_deadline
from integrations.aws.assume_role import AssumeRole, open_session
from integrations.aws.chain import VendorSide
from integrations.aws.clients import ClientFactory, SessionCredentials
from integrations.aws.errors import Unreachable
from integrations.aws.report import SessionPurpose
from integrations.aws.verify import check_reachability
from tests.integrations.aws.builders import ROLE_ARN

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100000\r\n\r\n"


class DrippingServer:
    """Takes every request and answers one byte at a time, often enough for any read time-out, and for ever."""

    def __init__(self, at_once: bytes) -> None:
        self._at_once = at_once
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.requests = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._drip, args=[connection], daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            self.requests += 1
            connection.sendall(self._at_once)
            while not self._over.wait(0.05):
                connection.sendall(b"x")

    def stop(self) -> None:
        self._over.set()
        self._listening.close()


@pytest.fixture(params=[b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", HEAD], ids=["status line", "headers", "body"])
def dripping(request) -> Iterator[DrippingServer]:
    server = DrippingServer(request.param)
    yield server
    server.stop()


@pytest.fixture
def credentials() -> SessionCredentials:
    return SessionCredentials("ASIAEXAMPLE", "the-secret", "the-token", datetime.now(UTC) + timedelta(minutes=15))


def assume_role(sts):
    call = AssumeRole(role_arn=ROLE_ARN, session_name="name")
    return open_session(sts, call, component="c", purpose=SessionPurpose.VERIFICATION)


def verification_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("verify")]


def wait_until_none_is_left() -> None:
    deadline = time.monotonic() + 30
    while verification_threads():
        assert time.monotonic() < deadline, verification_threads()
        time.sleep(0.05)


def test_a_call_whose_answer_drips_is_cut_off(dripping, credentials, monkeypatch):
    monkeypatch.setattr(http_deadline, "LONGEST_EXCHANGE", 0.5)
    sts = ClientFactory(dripping.url).with_session("sts", "us-east-1", credentials)

    with pytest.raises(Unreachable) as failure:
        assume_role(sts)

    assert failure.value.code == "ReadTimeoutError"
    assert dripping.requests == 2, "it was asked again once, as after any time-out"


def test_a_run_whose_calls_drip_ends_and_leaves_no_thread(dripping, vendor, customer, sandbox, monkeypatch):
    """The worker's own identity comes from the platform as ever; every call of the chain meets the slow server."""
    wait_until_none_is_left()
    settings = replace(vendor, endpoint_url=dripping.url)

    report = check_reachability(settings, customer.target(), on_finding=lambda _: None, deadline_seconds=1.5)

    assert report.reachable is None
    assert {finding.cause for finding in report.findings} <= {"deadline", "aws_unreachable"}
    wait_until_none_is_left()


def test_a_run_that_waits_for_a_name_ends_without_it(vendor, customer, monkeypatch):
    """A look-up cannot be ended, but the run does not wait for it, and what it holds is one run's calls at the most."""
    side = VendorSide(vendor)
    side.base_sts(vendor.region)
    may_go_on = threading.Event()
    real = socket.getaddrinfo

    def hang(*arguments, **options):
        if threading.current_thread().name.startswith("verify"):
            may_go_on.wait(30)
        return real(*arguments, **options)

    settings = replace(vendor, endpoint_url=vendor.endpoint_url.replace("127.0.0.1", "localhost"))
    monkeypatch.setattr(socket, "getaddrinfo", hang)

    report = check_reachability(settings, customer.target(), on_finding=lambda _: None, deadline_seconds=1)

    assert report.deadline_hit
    assert not may_go_on.is_set()
    assert 0 < len(verification_threads()) <= 24
    may_go_on.set()
    wait_until_none_is_left()


def test_an_exchange_that_ended_is_not_cut_later(vendor, customer, monkeypatch):
    """The connection stays open for the next call, which must not be struck by the end of the one before."""
    monkeypatch.setattr(http_deadline, "LONGEST_EXCHANGE", 0.5)
    sts = VendorSide(vendor).own_role_sts("compute-analysis")
    accounts = set()

    for _ in range(8):
        accounts.add(sts.get_caller_identity()["Account"])
        time.sleep(0.15)

    assert accounts == {vendor.vendor_account_id}


def test_a_call_after_the_end_is_not_made(dripping, credentials):
    sts = ClientFactory(dripping.url).with_session("sts", "us-east-1", credentials)
    token = http_deadline.ends_at.set(time.monotonic() - 1)

    with pytest.raises(Unreachable):
        assume_role(sts)

    http_deadline.ends_at.reset(token)
    assert dripping.requests == 0
