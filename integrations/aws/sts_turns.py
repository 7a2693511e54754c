"""A turn for each AssumeRole call, where whoever runs verifications hands turns out.

STS answers 600 requests a second per account and region, all callers together ("STS quotas", IAM user guide). Every
AssumeRole of a chain is made by the vendor's account, so what all workers do, and the product itself, is one sum. Who
knows the others is outside of this package: it gives a callable here, and gets asked before each call.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from integrations.aws.errors import Throttled

# Gives 0 where the call may be made now, else after how many seconds to ask again.
AskForTurn = Callable[[], float]

LONGEST_WAIT = 20.0  # seconds

_ask: ContextVar[AskForTurn] = ContextVar("ask_for_turn", default=lambda: 0.0)


@contextmanager
def sts_turns(ask: AskForTurn) -> Iterator[None]:
    """Within this block, and in the runs started in it, ask before each AssumeRole."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def wait_for_turn() -> None:
    """Return when the call may be made.

    Raises:
        Throttled: there was no turn for too long; no call was made.
    """
    ask = _ask.get()
    gives_up_at = time.monotonic() + LONGEST_WAIT
    while (seconds := ask()) > 0:
        seconds *= random.uniform(1, 1.5)  # noqa: S311 — so that those who wait do not all come back at once
        if time.monotonic() + seconds > gives_up_at:
            raise Throttled("SharedStsLimit", "We make as many calls to STS as we allow ourselves.")
        time.sleep(seconds)
