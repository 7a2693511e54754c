"""How many AssumeRole calls all workers together make in a second, counted in the cache.

A token bucket as one number: the moment at which the bucket will be full again (GCRA, the generic cell rate algorithm).
One script reads and writes it, so that no two workers take one turn, by the clock of the cache's server. It holds one
second's calls at the most: with the default of 300 no second sees more than 600, which is what AWS answers.

What nobody waits for leaves half of the bucket to those that somebody does wait for.

Without the cache the calls are made: AWS's own limit holds, what it throttles is asked again later, and to stop all
verifications for want of a counter would be the greater harm.
"""

import logging
import time
from functools import cache

import redis
from django.conf import settings

from integrations.aws.sts_turns import AskForTurn

logger = logging.getLogger(__name__)

KEY = "sts-limit"
WITHOUT_CACHE_SECONDS = 30

# KEYS[1]: microseconds of the server's clock at which the bucket is full again. ARGV: microseconds that a call takes to
# come back, how many microseconds' worth of calls may be missing after this one. Gives how long to wait, 0 if taken.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + tonumber(ARGV[1])
local wait = full_at - now - tonumber(ARGV[2])
if wait > 0 then
    return wait
end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000) + 1000)
return 0
"""


class StsLimit:
    """The limit of one installation."""

    def __init__(self, client: "redis.Redis", calls_per_second: int) -> None:
        self._take = client.register_script(_TAKE)
        self._between_calls = 1_000_000 / calls_per_second
        self._off_until = 0.0

    def ask(self, *, scheduled: bool) -> float:
        """0 where a call may be made now; else after how many seconds to ask again."""
        if time.monotonic() < self._off_until:
            return 0.0
        missing = 500_000 if scheduled else 1_000_000
        try:
            wait = self._take(keys=[KEY], args=[self._between_calls, max(missing, self._between_calls)])
        except redis.RedisError as error:
            self._off_until = time.monotonic() + WITHOUT_CACHE_SECONDS
            logger.warning("No STS limit for %d s: the cache does not answer (%s)", WITHOUT_CACHE_SECONDS, error)
            return 0.0
        return float(wait) / 1_000_000


@cache
def _limit() -> StsLimit:
    address = str(settings.CACHES["default"]["LOCATION"])
    client = redis.Redis.from_url(address, socket_timeout=1, socket_connect_timeout=1)
    return StsLimit(client, settings.STS_CALLS_PER_SECOND)


def ask_for_turn(*, scheduled: bool) -> AskForTurn:
    """What the engine asks before each AssumeRole of a verification."""
    if not settings.STS_CALLS_PER_SECOND:
        return lambda: 0.0
    return lambda: _limit().ask(scheduled=scheduled)
