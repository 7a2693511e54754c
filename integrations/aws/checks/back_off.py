"""Asking again after load: full-jitter back-off, within the run's time.

botocore repeats a call once by itself. What is still throttled or unanswered after that is asked again here, as long as
the answers come quickly: a call that hung is not made to hang again.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from integrations.aws.errors import AwsCallFailed, Retry

ATTEMPTS = 4
BASE = 0.5  # seconds; doubles with each attempt
LONGEST = 8.0  # seconds
SLOW = 5.0  # seconds

T = TypeVar("T")


def with_back_off(work: Callable[[], T], *, seconds_left: Callable[[], float], pause: Callable[[float], None]) -> T:
    """What `work` gives; its AwsCallFailed where it may not be asked again, or there is no time for it.

    `seconds_left` is what remains of the run, `pause` waits.
    """
    for attempt in range(ATTEMPTS - 1):
        started = time.monotonic()
        try:
            return work()
        except AwsCallFailed as failure:
            took = time.monotonic() - started
            wait = random.uniform(0, min(LONGEST, BASE * 2**attempt))  # noqa: S311 — it spreads load, it protects nothing
            if failure.retry is not Retry.BACK_OFF or took > SLOW or wait + took > seconds_left():
                raise
        pause(wait)
    return work()
