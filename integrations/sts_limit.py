"""How many AssumeRole calls all workers together make in a second, counted in the cache (`tenants.rates`).

The bucket holds one second's calls at the most: with the default of 300 no second sees more than 600, which is what AWS
answers. What nobody waits for leaves half of the bucket to those that somebody does wait for.

Without the cache the calls are made: AWS's own limit holds, what it throttles is asked again later.
"""

from functools import cache

import redis
from django.conf import settings

from integrations.aws.sts_turns import AskForTurn
from tenants.rates import Bucket, Rates, client_of

KEY = "sts-limit"


class StsLimit:
    """The limit of one installation."""

    def __init__(self, client: "redis.Redis", calls_per_second: int) -> None:
        self._rates = Rates(client, "STS limit")
        self._for_people = Bucket(KEY, calls_per_second, at_once=calls_per_second)
        self._for_the_schedule = Bucket(KEY, calls_per_second, at_once=calls_per_second / 2)

    def ask(self, *, scheduled: bool) -> float:
        """0 where a call may be made now; else after how many seconds to ask again."""
        return self._rates.take(self._for_the_schedule if scheduled else self._for_people)


@cache
def _limit() -> StsLimit:
    return StsLimit(client_of(str(settings.CACHES["default"]["LOCATION"])), settings.STS_CALLS_PER_SECOND)


def ask_for_turn(*, scheduled: bool) -> AskForTurn:
    """What the engine asks before each AssumeRole of a verification."""
    if not settings.STS_CALLS_PER_SECOND:
        return lambda: 0.0
    return lambda: _limit().ask(scheduled=scheduled)
