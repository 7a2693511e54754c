"""The STS limit of all workers together, in a real cache."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from integrations import sts_limit
from integrations.sts_limit import StsLimit, ask_for_turn

RATE = 40


@pytest.fixture
def cache_server(broker):
    client = redis.Redis.from_url(f"{broker}/1")
    client.delete(sts_limit.KEY)
    yield client
    client.delete(sts_limit.KEY)
    client.close()


def taken(limits: list[StsLimit], asks: int, *, scheduled: bool) -> tuple[int, float]:
    """How many of so many asks at once are granted, and in how many seconds they were asked."""
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda n: limits[n % len(limits)].ask(scheduled=scheduled), range(asks)))
    return waits.count(0.0), time.monotonic() - started


def test_all_workers_together_take_no_more_than_a_seconds_calls_at_once(cache_server, broker) -> None:
    clients = [redis.Redis.from_url(f"{broker}/1") for _ in range(3)]

    granted, seconds = taken([StsLimit(client, RATE) for client in clients], 4 * RATE, scheduled=False)

    assert RATE <= granted <= RATE + seconds * RATE + 1
    for client in clients:
        client.close()


def test_whoever_must_wait_is_told_how_long_and_has_a_turn_then(cache_server) -> None:
    limit = StsLimit(cache_server, RATE)
    while (wait := limit.ask(scheduled=False)) == 0:
        pass

    time.sleep(wait)

    assert wait <= 1 / RATE + 0.001
    assert limit.ask(scheduled=False) == 0


def test_what_nobody_waits_for_leaves_half_to_those_who_wait(cache_server) -> None:
    limit = StsLimit(cache_server, RATE)

    by_itself, seconds = taken([limit], 4 * RATE, scheduled=True)
    asked_for, _ = taken([limit], RATE // 2, scheduled=False)

    assert RATE // 2 <= by_itself <= RATE // 2 + seconds * RATE + 1
    assert asked_for == RATE // 2, "a person's verification has its turns while a sweep waits"


def test_without_the_cache_calls_are_made_and_the_log_says_so_once(caplog) -> None:
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1)
    limit = StsLimit(nowhere, RATE)

    with caplog.at_level(logging.WARNING):
        waits = [limit.ask(scheduled=False) for _ in range(3 * RATE)]

    assert set(waits) == {0.0}
    assert len(caplog.records) == 1
    nowhere.close()


def test_a_limit_of_none_asks_nobody(settings) -> None:
    settings.STS_CALLS_PER_SECOND = 0

    assert ask_for_turn(scheduled=True)() == 0


def test_the_limit_of_the_installation_is_counted_in_its_cache(cache_server) -> None:
    sts_limit._limit.cache_clear()

    assert ask_for_turn(scheduled=False)() == 0

    assert cache_server.exists(sts_limit.KEY)
    assert cache_server.pttl(sts_limit.KEY) > 0, "it is gone when nothing is counted any more"
