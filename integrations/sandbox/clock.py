"""The sandbox's clock: real time plus what `POST /_sandbox/clock` advanced."""

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since the epoch as the sandbox sees them."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        """Give the sandbox's time in epoch seconds."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Move time forward by `seconds`."""
        self.offset += seconds


def iso(moment: float) -> str:
    """Write epoch seconds as AWS does: UTC, whole seconds, `Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
