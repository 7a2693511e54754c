"""When a connection is verified next."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.models import Status
from integrations.next_verification import is_waiting_for_aws, next_verification

KNOWN = set(Status) - {Status.PAUSED, Status.REMOVED}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def wait(status: Status, asked: float | None, chance: float = 0, *, failed: bool = False) -> float:
    """Seconds until the next one, for a customer who asked so many seconds ago."""
    asked_at = NOW - timedelta(seconds=asked) if asked is not None else None
    due = next_verification(status, asked_at=asked_at, now=NOW, chance=chance, failed=failed)
    return (due - NOW).total_seconds()


def test_after_a_customer_asked_it_is_tried_soon_and_then_ever_more_slowly() -> None:
    steps, age = [], 0.5
    while age < 120:
        steps.append(round(age + wait(Status.AWAITING, age)))
        age = steps[-1] + 0.5

    assert steps == [2, 5, 10, 20, 40, 60, 90, 120]


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [
        (Status.AWAITING, 130, 300),
        (Status.UNREACHABLE, 1800, 300),
        (Status.AWAITING, 3700, 86400),
        (Status.AWAITING, None, 86400),
        (Status.CONNECTED, 1, 86400),
        (Status.DEGRADED, 1, 86400),
        (Status.UNSAFE, 1, 3600),
    ],
)
def test_the_wait_depends_on_what_is_known(status, asked, seconds) -> None:
    assert 0.9 * seconds <= wait(status, asked) <= wait(status, asked, chance=1) <= 1.1 * seconds


def test_chance_spreads_the_connections() -> None:
    assert len({wait(Status.CONNECTED, None, chance / 100) for chance in range(100)}) == 100


def test_after_a_failure_of_ours_it_is_tried_again_soon() -> None:
    assert 60 <= wait(Status.CONNECTED, None, chance=0.5, failed=True) <= 120


def test_the_next_one_is_never_in_the_past() -> None:
    assert all(wait(status, asked) > 0 for status in KNOWN for asked in (None, 0, 1, 2, 119.9, 120, 3599, 10**6))


@pytest.mark.parametrize("status", [Status.PAUSED, Status.REMOVED])
def test_what_is_paused_or_removed_is_not_looked_at(status) -> None:
    assert next_verification(status, asked_at=NOW, now=NOW, chance=0) is None


def test_waiting_for_aws_is_said_for_three_minutes_to_who_asked() -> None:
    asked = NOW - timedelta(minutes=2)

    assert is_waiting_for_aws(Status.AWAITING, asked_at=asked, now=NOW)
    assert not is_waiting_for_aws(Status.AWAITING, asked_at=asked - timedelta(minutes=2), now=NOW)
    assert not is_waiting_for_aws(Status.AWAITING, asked_at=None, now=NOW)
    assert not is_waiting_for_aws(Status.CONNECTED, asked_at=asked, now=NOW)
