"""When a connection is to be verified next. Pure: time and chance come in as arguments.

IAM is eventually consistent, and people deploy when they deploy: after a customer asks, a role that cannot be assumed
yet is tried again soon and then ever more slowly. What is known is looked at once a day.
"""

from datetime import datetime, timedelta

from integrations.models import Status

# Seconds after the customer asked. Propagation of 2-60 s is reported.
PROPAGATION_SECONDS = (2, 5, 10, 20, 40, 60, 90, 120)
WAITING_FOR_AWS = timedelta(minutes=3)
SLOWLY, SLOWLY_UNTIL = timedelta(minutes=5), timedelta(hours=1)
DAILY = timedelta(days=1)
QUARANTINED = timedelta(hours=1)
AFTER_OUR_FAILURE = timedelta(minutes=1)


def next_verification(
    status: Status, *, asked_at: datetime | None, now: datetime, chance: float, failed: bool = False
) -> datetime | None:
    """The time of the next verification; None where there is nothing to look at.

    Args:
        status: of the connection, after the verification that has just ended.
        asked_at: when the customer last asked for a verification; None if never.
        now: the time.
        chance: a random number from 0 to 1, which spreads the connections of many customers.
        failed: whether the verification ended without a verdict, by a failure of ours.
    """
    if status in {Status.PAUSED, Status.REMOVED}:
        return None
    since = now - asked_at if asked_at else timedelta.max
    if status in {Status.AWAITING, Status.UNREACHABLE, Status.REMOVING} and asked_at is not None:
        for seconds in PROPAGATION_SECONDS:
            if (step := timedelta(seconds=seconds)) > since:
                return asked_at + step * (1 + chance / 10)
        if since < SLOWLY_UNTIL:
            return now + SLOWLY * (0.9 + chance / 5)
    if failed:
        return now + AFTER_OUR_FAILURE * (1 + chance)
    wait = QUARANTINED if status == Status.UNSAFE else DAILY
    return now + wait * (0.9 + chance / 5)


def is_waiting_for_aws(status: Status, *, asked_at: datetime | None, now: datetime) -> bool:
    """Whether the page says "waiting for AWS": not assumable yet, and the customer asked a moment ago."""
    return status == Status.AWAITING and asked_at is not None and now - asked_at < WAITING_FOR_AWS
