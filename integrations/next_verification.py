"""When a connection is to be verified next. Pure: time and chance come in as arguments.

IAM is eventually consistent, and people deploy when they deploy: after a customer asks, a role that is not as it should
be yet is tried again soon and then ever more slowly. A first pass, and first bad news, are looked at once more before
they count. What is known is looked at once a day, and what stays broken less and less often.
"""

from datetime import datetime, timedelta

from integrations.models import Status

# Seconds after the customer asked. Propagation of 2-60 s is reported.
PROPAGATION_SECONDS = (2, 5, 10, 20, 40, 60, 90, 120)
WAITING_FOR_AWS = timedelta(minutes=3)
SLOWLY, SLOWLY_UNTIL = timedelta(minutes=5), timedelta(hours=1)
SECOND_PASS = timedelta(seconds=2)
SECOND_LOOK = timedelta(minutes=1)
DAILY, WEEKLY = timedelta(days=1), timedelta(days=7)
QUARANTINED = timedelta(hours=1)
AFTER_OUR_FAILURE, LONGEST_AFTER_OUR_FAILURE = timedelta(minutes=1), timedelta(hours=1)

_NOT_YET = frozenset({Status.AWAITING, Status.UNREACHABLE, Status.REMOVING})
_BROKEN = _NOT_YET | {Status.DEGRADED, Status.UNSAFE}


def next_verification(
    status: Status,
    *,
    asked_at: datetime | None,
    now: datetime,
    chance: float,
    since: datetime | None = None,
    confirming: bool = False,
    unconfirmed: bool = False,
    failures: int = 0,
) -> datetime | None:
    """The time of the next verification; None where there is nothing to look at.

    Args:
        status: of the connection, after the verification that has just ended.
        asked_at: when the customer last asked for a verification; None if never.
        now: the time.
        chance: a random number from 0 to 1, which spreads the connections of many customers.
        since: since when it has this status; what stays broken is looked at ever more slowly.
        confirming: whether a role passed for the first time, so that the second pass decides.
        unconfirmed: whether bad news of a role was found for the first time.
        failures: how many verifications in a row ended without a verdict, by failures of ours.
    """
    if status in {Status.PAUSED, Status.REMOVED}:
        return None
    if confirming and not failures:
        return now + SECOND_PASS * (1 + chance / 4)
    asked = now - asked_at if asked_at else timedelta.max
    if asked_at is not None and (status in _NOT_YET or status == Status.DEGRADED):
        for seconds in PROPAGATION_SECONDS:
            if (step := timedelta(seconds=seconds)) > asked:
                return asked_at + step * (1 + chance / 10)
        if asked < SLOWLY_UNTIL and status in _NOT_YET:
            return now + SLOWLY * (0.9 + chance / 5)
    if failures:
        doubled: int = 2 ** min(failures - 1, 10)
        wait = min(AFTER_OUR_FAILURE * doubled, LONGEST_AFTER_OUR_FAILURE)
        return now + wait * (1 + chance)
    if unconfirmed:
        return now + SECOND_LOOK * (0.9 + chance / 5)
    return now + _regular_wait(status, now - since if since else timedelta(0)) * (0.9 + chance / 5)


def _regular_wait(status: Status, age: timedelta) -> timedelta:
    """A day; an hour at first for an open role. What is broken for long waits a quarter of its age, up to a week."""
    if status not in _BROKEN:
        return DAILY
    least, most = (QUARANTINED, DAILY) if status == Status.UNSAFE else (DAILY, WEEKLY)
    return min(max(least, age / 4), most)


def may_be_new(status: Status, *, worked_at: datetime | None, now: datetime) -> bool:
    """Whether AWS may still be spreading the role: it never let us in, or did a moment ago for the first time."""
    return worked_at is None or (status == Status.AWAITING and now - worked_at <= WAITING_FOR_AWS)


def is_waiting_for_aws(status: Status, *, asked_at: datetime | None, now: datetime) -> bool:
    """Whether the page says "waiting for AWS": not assumable yet, and the customer asked a moment ago."""
    return status == Status.AWAITING and asked_at is not None and now - asked_at < WAITING_FOR_AWS
