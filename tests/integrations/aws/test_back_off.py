"""Load is asked again, within the time that is left; nothing else is."""

import pytest

from integrations.aws.checks import back_off
from integrations.aws.errors import (
    AwsCallFailed,
    ClockSkewed,
    Refused,
    RegionDisabled,
    RequestInvalid,
    SessionExpired,
    Throttled,
    Unreachable,
)


class Aws:
    """Fails so many times, then answers."""

    def __init__(self, failure, times):
        self.failure, self.times, self.calls = failure, times, 0

    def __call__(self):
        self.calls += 1
        if self.calls <= self.times:
            raise self.failure
        return "an answer"


def ask(aws, seconds_left=60.0, slept=None):
    waits = [] if slept is None else slept
    return back_off.with_back_off(aws, seconds_left=lambda: seconds_left, pause=waits.append)


@pytest.mark.parametrize("failure", [Throttled("Throttling"), Unreachable("InternalFailure")])
def test_load_is_asked_again(failure):
    aws = Aws(failure, times=3)
    slept: list[float] = []

    assert ask(aws, slept=slept) == "an answer"

    assert aws.calls == 4
    assert all(0 <= wait <= limit for wait, limit in zip(slept, (0.5, 1, 2), strict=True))


def test_load_that_lasts_is_reported_as_what_it_is():
    aws = Aws(Throttled("Throttling"), times=99)

    with pytest.raises(Throttled):
        ask(aws)

    assert aws.calls == back_off.ATTEMPTS


@pytest.mark.parametrize(
    "kind",
    [Refused, RequestInvalid, RegionDisabled, SessionExpired, ClockSkewed, AwsCallFailed],
    ids=lambda k: k.__name__,
)
def test_nothing_else_is_asked_again(kind):
    aws = Aws(kind("code"), times=1)

    with pytest.raises(kind):
        ask(aws)

    assert aws.calls == 1


def test_nothing_is_asked_again_when_the_run_is_over():
    aws = Aws(Throttled("Throttling"), times=1)

    with pytest.raises(Throttled):
        ask(aws, seconds_left=0)

    assert aws.calls == 1


def test_a_call_that_hung_is_not_made_to_hang_again(monkeypatch):
    aws = Aws(Unreachable("ReadTimeoutError"), times=1)
    monkeypatch.setattr(back_off, "SLOW", -1.0)  # as if the call had taken longer than that

    with pytest.raises(Unreachable):
        ask(aws)

    assert aws.calls == 1
