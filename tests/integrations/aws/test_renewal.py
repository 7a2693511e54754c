"""A session of a run that AWS calls expired is opened anew: once, by one caller for all."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from integrations.aws.checks.renewal import Renewable
from integrations.aws.errors import AwsCallFailed, Refused, SessionExpired, Throttled


class Sessions:
    """Numbered sessions, of which those in `expired` are stale; opening the next may fail."""

    def __init__(self, expired=(), fails=None):
        self.opened, self.expired, self.fails = [], set(expired), fails
        self.receipts: list[object] = []
        self.renewable = Renewable(0, self.open_anew, self.receipts.append)

    def open_anew(self):
        if self.fails is not None:
            raise self.fails
        self.opened.append(len(self.opened) + 1)
        return self.opened[-1], (f"receipt {self.opened[-1]}",)

    def call(self, session):
        if session in self.expired:
            raise SessionExpired("ExpiredToken")
        return session


def test_what_has_not_expired_is_kept():
    sessions = Sessions()

    assert sessions.renewable.use(sessions.call) == 0
    assert sessions.opened == []


def test_what_expired_is_opened_anew_and_leaves_its_receipt():
    sessions = Sessions(expired=[0])

    assert sessions.renewable.use(sessions.call) == 1
    assert sessions.renewable.held == 1
    assert sessions.receipts == ["receipt 1"]


def test_many_callers_open_one():
    sessions = Sessions(expired=[0])
    together = threading.Barrier(8)

    def call(session):
        if session == 0:
            together.wait(10)
        return sessions.call(session)

    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: sessions.renewable.use(call), range(8)))

    assert used == [1] * 8
    assert sessions.opened == [1]


def test_what_expires_again_stays_expired():
    sessions = Sessions(expired=[0, 1])

    for _ in range(2):
        with pytest.raises(SessionExpired):
            sessions.renewable.use(sessions.call)

    assert sessions.opened == [1]


def test_a_refusal_to_open_the_next_is_no_answer_to_the_call():
    sessions = Sessions(expired=[0], fails=Refused("AccessDenied"))

    with pytest.raises(SessionExpired):
        sessions.renewable.use(sessions.call)


def test_load_while_the_next_is_opened_is_told_so_that_it_is_asked_again():
    sessions = Sessions(expired=[0], fails=Throttled("Throttling"))
    with pytest.raises(Throttled):
        sessions.renewable.use(sessions.call)

    sessions.fails = None

    assert sessions.renewable.use(sessions.call) == 1


def test_another_failure_opens_nothing():
    sessions = Sessions()

    def refused(session):
        raise AwsCallFailed("Odd")

    with pytest.raises(AwsCallFailed, match="Odd"):
        sessions.renewable.use(refused)

    assert sessions.opened == []
