"""Whether this worker process was told to stop (SIGTERM), and how long it still finishes what it runs.

A verification takes seconds, and a minute where an account hangs. What is not finished when the grace is over goes back
into the queue, at once and not when its lease runs out.
"""

import time

from django.conf import settings

_told_at: float | None = None


def stop_soon() -> None:
    """This process was told to stop: its grace begins. What tells it a second time changes nothing."""
    global _told_at
    if _told_at is None:
        _told_at = time.monotonic()


def is_stopping() -> bool:
    """Whether this process was told to stop, so that nothing new is begun here."""
    return _told_at is not None


def grace_is_over() -> bool:
    """Whether what still runs is to be handed back."""
    return _told_at is not None and time.monotonic() - _told_at >= settings.WORKER_GRACE_SECONDS
