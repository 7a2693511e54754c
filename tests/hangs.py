"""No input of a property test may make us compute for ever: one that takes too long is refused where it stands."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# Of this process's own work, since a busy machine says nothing: what takes milliseconds does not take 10 s by chance.
MOST_CPU_SECONDS = 10.0


@contextmanager
def no_hang(most_cpu_seconds: float = MOST_CPU_SECONDS) -> Iterator[None]:
    """Fail what takes more CPU time than that in this process, also where it would never end.

    It is interrupted, and where something swallows that, again each second. For the main thread alone.
    """
    took_too_long = f"this took more than {most_cpu_seconds:g} s of CPU time"
    interrupted = []

    def interrupt(*_: object) -> None:
        interrupted.append(took_too_long)
        raise AssertionError(took_too_long)

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, most_cpu_seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    assert not interrupted, f"{took_too_long}, and went on when it was interrupted"
