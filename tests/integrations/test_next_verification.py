"""When a connection is verified next."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.models import Status
from integrations.next_verification import is_waiting_for_aws, next_verification

KNOWN = set(Status) - {Status.PAUSED, Status.REMOVED}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = 86400


def wait(status: Status, asked: float | None, chance: float = 0, *, age: float | None = None, **more: Any) -> float:
    """Seconds until the next one, for a customer who asked, and a status that began, so many seconds ago."""
    asked_at = NOW - timedelta(seconds=asked) if asked is not None else None
    since = NOW - timedelta(seconds=age) if age is not None else None
    due = next_verification(status, asked_at=asked_at, now=NOW, chance=chance, since=since, **more)
    return (due - NOW).total_seconds()


@pytest.mark.parametrize("status", [Status.AWAITING, Status.DEGRADED])
def test_after_a_customer_asked_it_is_tried_soon_and_then_ever_more_slowly(status) -> None:
    steps, age = [], 0.5
    while age < 120:
        steps.append(round(age + wait(status, age)))
        age = steps[-1] + 0.5

    assert steps == [2, 5, 10, 20, 40, 60, 90, 120]


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [
        (Status.AWAITING, 130, 300),
        (Status.UNREACHABLE, 1800, 300),
        (Status.AWAITING, 3700, DAY),
        (Status.AWAITING, None, DAY),
        (Status.CONNECTED, 1, DAY),
        (Status.DEGRADED, 200, DAY),
        (Status.UNSAFE, 1, 3600),
    ],
)
def test_the_wait_depends_on_what_is_known(status, asked, seconds) -> None:
    assert 0.9 * seconds <= wait(status, asked) <= wait(status, asked, chance=1) <= 1.1 * seconds


@pytest.mark.parametrize(
    ("status", "age", "seconds"),
    [
        (Status.CONNECTED, 400 * DAY, DAY),
        (Status.UNREACHABLE, 3 * DAY, DAY),
        (Status.UNREACHABLE, 8 * DAY, 2 * DAY),
        (Status.AWAITING, 400 * DAY, 7 * DAY),
        (Status.DEGRADED, 400 * DAY, 7 * DAY),
        (Status.UNSAFE, 8 * 3600, 2 * 3600),
        (Status.UNSAFE, 400 * DAY, DAY),
    ],
)
def test_what_stays_broken_is_looked_at_less_and_less_often(status, age, seconds) -> None:
    assert wait(status, None, chance=0.5, age=age) == pytest.approx(seconds)


@pytest.mark.parametrize("status", [Status.AWAITING, Status.DEGRADED, Status.UNREACHABLE])
@pytest.mark.parametrize("asked", [None, 1, 100, 10**6])
def test_the_second_pass_comes_within_seconds(status, asked) -> None:
    assert 2 <= wait(status, asked, confirming=True) <= wait(status, asked, chance=1, confirming=True) <= 3


def test_first_bad_news_is_looked_at_once_more_soon() -> None:
    assert 54 <= wait(Status.UNREACHABLE, None, age=0, unconfirmed=True) <= 66


def test_chance_spreads_the_connections() -> None:
    assert len({wait(Status.CONNECTED, None, chance / 100) for chance in range(100)}) == 100


def test_after_failures_of_ours_it_is_tried_again_soon_and_then_ever_more_slowly() -> None:
    waits = [wait(Status.CONNECTED, None, failures=number) for number in range(1, 9)]

    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert wait(Status.CONNECTED, None, failures=10**6) == 3600
    assert wait(Status.AWAITING, None, confirming=True, failures=1) == 60


def test_the_next_one_is_never_in_the_past() -> None:
    assert all(wait(status, asked) > 0 for status in KNOWN for asked in (None, 0, 1, 2, 119.9, 120, 3599, 10**6))


@pytest.mark.parametrize("status", [Status.PAUSED, Status.REMOVED])
def test_what_is_paused_or_removed_is_not_looked_at(status) -> None:
    assert next_verification(status, asked_at=NOW, now=NOW, chance=0, confirming=True) is None


def test_waiting_for_aws_is_said_for_three_minutes_to_who_asked() -> None:
    asked = NOW - timedelta(minutes=2)

    assert is_waiting_for_aws(Status.AWAITING, asked_at=asked, now=NOW)
    assert not is_waiting_for_aws(Status.AWAITING, asked_at=asked - timedelta(minutes=2), now=NOW)
    assert not is_waiting_for_aws(Status.AWAITING, asked_at=None, now=NOW)
    assert not is_waiting_for_aws(Status.CONNECTED, asked_at=asked, now=NOW)
