"""How often something may be done, counted in the cache by all processes together.

A token bucket as one number: the moment at which the bucket will be full again (GCRA, the generic cell rate algorithm).
One script reads and writes all buckets that a thing takes from, so that no two processes take one turn, by the clock of
the cache's server.

Without the cache everything is let through: to stop all work for want of a counter would be the greater harm.
"""

import logging
import time
from dataclasses import dataclass

import redis

logger = logging.getLogger(__name__)

WITHOUT_CACHE_SECONDS = 30

# KEYS: of each bucket, microseconds of the server's clock at which it is full again. ARGV, two for each: microseconds
# that a turn takes to come back, how many microseconds' worth of turns may be missing after this one. Gives how long to
# wait, 0 where a turn was taken from every bucket.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full_at, wait = {}, 0
for i, key in ipairs(KEYS) do
    full_at[i] = math.max(tonumber(redis.call('GET', key) or '0'), now) + tonumber(ARGV[2 * i - 1])
    wait = math.max(wait, full_at[i] - now - tonumber(ARGV[2 * i]))
end
if wait > 0 then
    return math.ceil(wait)
end
for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', full_at[i]), 'PX', math.ceil((full_at[i] - now) / 1000) + 1000)
end
return 0
"""


@dataclass(frozen=True)
class Bucket:
    """What turns are taken from.

    Args:
        key: in the cache.
        per_second: how many turns come back in a second.
        at_once: how many a full bucket gives at once; one at the least.
    """

    key: str
    per_second: float
    at_once: float


class Rates:
    """The buckets in one cache."""

    def __init__(self, client: "redis.Redis", name: str) -> None:
        self._take = client.register_script(_TAKE)
        self._name = name
        self._off_until = 0.0

    def take(self, *buckets: Bucket) -> float:
        """0 where a turn was taken from every bucket; else after how many seconds to ask again, and none was taken."""
        if time.monotonic() < self._off_until:
            return 0.0
        numbers: list[float] = []
        for bucket in buckets:
            between = 1_000_000 / bucket.per_second
            numbers += [between, max(between * bucket.at_once, between)]
        try:
            wait = self._take(keys=[bucket.key for bucket in buckets], args=numbers)
        except redis.RedisError as error:
            self._off_until = time.monotonic() + WITHOUT_CACHE_SECONDS
            logger.warning("No %s for %d s: the cache does not answer (%s)", self._name, WITHOUT_CACHE_SECONDS, error)
            return 0.0
        return float(wait) / 1_000_000


def client_of(address: str) -> "redis.Redis":
    """A client of the cache that gives up soon."""
    return redis.Redis.from_url(address, socket_timeout=1, socket_connect_timeout=1)
