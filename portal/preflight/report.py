"""What one look at one part came to, and how a look is taken so that one that breaks hides no other."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from portal.logs import without_secrets


class State(StrEnum):
    """What a check came to."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be told, since what it stands on is away
    NOT_SET_UP = "not_set_up"  # optional, and this installation does without


@dataclass(frozen=True)
class Check:
    """One part of the installation: what is so, and where it is not well what is wrong and how to mend it."""

    name: str
    state: State
    message: str
    fix: str = ""
    milliseconds: int = 0


class Wrong(Exception):
    """A part is not as it must be. `str()` says what is wrong, `fix` how to mend it."""

    def __init__(self, message: str, fix: str, state: State = State.FAILED) -> None:
        super().__init__(message)
        self.fix = fix
        self.state = state


Look = Callable[[], str]
"""Looks at one part: gives what is so, or raises Wrong."""


def look_at(parts: Iterable[tuple[str, Look]]) -> Iterator[Check]:
    """Each part's check, one after the other, without secrets. An error that nobody foresaw fails its part alone."""
    for name, look in parts:
        started = time.perf_counter()
        state, fix = State.PASSED, ""
        try:
            message = look()
        except Wrong as wrong:
            state, message, fix = wrong.state, str(wrong), wrong.fix
        except Exception as error:  # noqa: BLE001  the other parts are looked at all the same
            state, message = State.FAILED, f"{type(error).__name__}: {error}"
            fix = "This was not foreseen. The message is the driver's own: follow it, or ask whoever runs that part."
        yield Check(name, state, without_secrets(message).strip(), fix, round((time.perf_counter() - started) * 1000))


def exit_status(checks: Iterable[Check]) -> int:
    """For a monitor: 0 all is well, 1 something is broken, 2 it could not be told."""
    states = {check.state for check in checks}
    if State.FAILED in states:
        return 1
    return 2 if State.UNKNOWN in states else 0
