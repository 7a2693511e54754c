"""Sessions that have ended are deleted, a bounded number at a time, and no other."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from integrations import tasks
from tenants.actions import browser_sessions


@pytest.fixture
def session(cast):
    """Makes a session that ends in so many hours, with what is kept of its browser."""

    def make(key: str, hours: float) -> None:
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(hours=hours))
        UserSession.objects.create(user=cast.owner, session_key=key, ip="198.51.100.7", user_agent="A browser")

    return make


def kept() -> tuple[list[str], list[str]]:
    return (
        sorted(Session.objects.values_list("session_key", flat=True)),
        sorted(UserSession.objects.values_list("session_key", flat=True)),
    )


def test_one_that_has_ended_goes_with_its_address_and_browser_and_an_open_one_stays(session) -> None:
    session("ended", -1)
    session("open", 1)

    tasks.forget_ended_sessions()

    assert kept() == (["open"], ["open"])


def test_a_turn_takes_a_bounded_number_the_oldest_first(session, monkeypatch) -> None:
    monkeypatch.setattr(browser_sessions, "MOST_SESSIONS", 2)
    for key, hours in (("later", -1), ("oldest", -3), ("older", -2)):
        session(key, hours)

    turns = [browser_sessions.forget_ended_sessions() for _ in range(3)]

    assert turns == [2, 1, 0]
    assert kept() == ([], [])


def test_beat_asks_for_it() -> None:
    asked_for = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]

    assert tasks.forget_ended_sessions.name in asked_for
