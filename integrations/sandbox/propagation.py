"""How long a change of a policy takes to be seen: AWS is eventually consistent, and `--propagation` plays that.

Before a change the state is remembered as it is; until the change has propagated, that is what authorisation sees.
"""

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from integrations.sandbox.clock import Clock


@dataclass(frozen=True)
class Past:
    """A state that is still the one to see; its value may well be None."""

    until: float
    value: Any


class Propagation:
    """Remembers states for as long as the changes to them take, in seconds of sandbox time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.takes_time = seconds > 0
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._past: dict[Hashable, list[Past]] = {}

    def remember(self, key: Hashable, value: Any) -> None:
        """Remember a state that is about to change."""
        with self._lock:
            self._past.setdefault(key, []).append(Past(self._clock.now() + self._seconds, value))

    def past(self, key: Hashable) -> Past | None:
        """Give the state before the oldest change that is still on its way; None if there is none."""
        if not self._past:
            return None
        now = self._clock.now()
        with self._lock:
            pending = [past for past in self._past.get(key, ()) if past.until > now]
            if pending:
                self._past[key] = pending
                return pending[0]
            self._past.pop(key, None)
            return None

    def forget(self) -> None:
        """Drop what was remembered, at a reset."""
        with self._lock:
            self._past.clear()
