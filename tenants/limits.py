"""How often something may be done, and by how many at once: kept in the cache, by whatever key names who does it."""

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.core.internal.ratelimit import truncate_ip
from django.core.cache import cache

from tenants.request_id import client_address


class TooOften(Exception):
    """It was done too often; the message says when it can be done again."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class AllTaken(Exception):
    """As many do it at this moment as may."""


def count(name: str, key: object, *, most: int, seconds: int, message: str) -> int:
    """Count one more, in a window that begins with the first; gives how many that makes.

    Raises:
        TooOften: it is more than `most` in `seconds`; it is not counted again.
    """
    entry = f"limit:{name}:{key}"
    if cache.add(entry, 1, timeout=seconds):
        return 1
    try:
        counted = int(cache.incr(entry))
    except ValueError:  # the window ended just now
        cache.add(entry, 1, timeout=seconds)
        return 1
    if counted > most:
        raise TooOften(message, seconds)
    return counted


def count_by_network(name: str, *, most: int, seconds: int, message: str) -> None:
    """Count one more of whoever sent the request in hand.

    Raises:
        TooOften: it is more than `most` in `seconds`; it is not counted again.
    """
    count(name, client_network(), most=most, seconds=seconds, message=message)


def client_network() -> str:
    """Where the request in hand came from. An IPv6 network counts as one, as it does at sign-in: whoever has it has all
    of its addresses.
    """
    return str(truncate_ip(client_address.get() or ""))


@contextmanager
def one_of(name: str, key: object, *, most: int, seconds: int) -> Iterator[None]:
    """Hold one of `most` places. That of a process which was lost in it is free again after `seconds`, which are more
    than the work can take.

    Raises:
        AllTaken: others hold them all; nobody waits.
    """
    places = (f"place:{name}:{key}:{number}" for number in range(most))
    mine = next((place for place in places if cache.add(place, 1, timeout=seconds)), None)
    if mine is None:
        raise AllTaken
    try:
        yield
    finally:
        cache.delete(mine)
