"""What property tests refuse an example with that takes too long."""

import re
import signal
import time
from contextlib import suppress

import pytest

from tests.hangs import no_hang


def compute_for_ever() -> None:
    while True:
        pass


def backtrack_for_ever() -> None:
    re.match("(a|aa)+$", "a" * 100 + "b")


@pytest.mark.parametrize("work", [compute_for_ever, backtrack_for_ever])
def test_what_never_ends_is_ended(work) -> None:
    with pytest.raises(AssertionError, match=r"more than 0\.2 s of CPU time"), no_hang(0.2):
        work()


def test_what_swallows_that_is_refused_when_it_ends() -> None:
    with pytest.raises(AssertionError, match="went on when it was interrupted"), no_hang(0.2), suppress(AssertionError):
        compute_for_ever()


def test_what_waits_takes_no_time_of_its_own() -> None:
    with no_hang(0.2):
        time.sleep(0.5)


def test_nothing_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGPROF)

    with no_hang():
        pass

    assert signal.getsignal(signal.SIGPROF) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
