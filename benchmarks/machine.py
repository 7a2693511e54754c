"""How quick a core of this machine is, beside the one for which targets in milliseconds or per second are set.

The same Rolebridge answers in a third of the time on another machine, so a target in milliseconds judges the machine
before it judges us. Each program that has one prints it as it is set and as it is held against here.
"""

import resource
import statistics
import subprocess
import sys

# What the machine takes on which the targets in docs/benchmarks.md were first measured (two cores of 2.6 GHz).
SECONDS_THERE = 0.6
WORK = "x = 0\nfor i in range(10_000_000): x += i"
ROUNDS = 5


def slowness() -> float:
    """How many times as long a core takes here for the same work, as the median of some rounds.

    CPU time, since waiting for a core that other work has must not make a target easier to reach.
    """
    return statistics.median(_cpu_seconds() for _ in range(ROUNDS)) / SECONDS_THERE


def as_words(slower: float) -> str:
    """A line for the head of a report."""
    return (
        f"a core takes {slower:.2f} times as long here as on the machine that targets are set for "
        f"({slower * SECONDS_THERE:.2f} s for ten million additions, {SECONDS_THERE} s there)"
    )


def _cpu_seconds() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", WORK], check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
