"""How often something may be done: counted in the cache, by whatever key names who does it."""

from django.core.cache import cache


class TooOften(Exception):
    """It was done too often; the message says when it can be done again."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


def count(name: str, key: object, *, most: int, seconds: int, message: str) -> None:
    """Count one more, in a window that begins with the first.

    Raises:
        TooOften: it is more than `most` in `seconds`; it is not counted again.
    """
    entry = f"limit:{name}:{key}"
    if cache.add(entry, 1, timeout=seconds):
        return
    try:
        counted = cache.incr(entry)
    except ValueError:  # the window ended just now
        cache.add(entry, 1, timeout=seconds)
        return
    if counted > most:
        raise TooOften(message, seconds)
