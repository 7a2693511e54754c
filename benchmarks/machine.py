"""How quick a core of this machine is, beside the one for which targets in milliseconds or per second are set.

The same Rolebridge answers in a third of the time on another machine, so a target in milliseconds judges the machine
before it judges us. Each program that has one prints it as it is set and as it is held against here. A shared machine
is quicker at one moment than at the next, so samples are taken all along, while nothing else of the program runs.
"""

import statistics
import time

# What the machine takes on which the targets in docs/benchmarks.md were first measured (two cores of 2.6 GHz).
SECONDS_THERE = 0.06
_WORK = compile("x = 0\nfor i in range(1_000_000): x += i", "work", "exec")
ROUNDS = 5


class Machine:
    """This machine, as the samples have found it."""

    def __init__(self) -> None:
        self._samples: list[float] = []
        self.sample()

    def sample(self) -> float:
        """How many times as long a core takes now as it did there, for Python alone.

        CPU time, since waiting for a core that other work has must not make a target easier to reach.
        """
        took = []
        for _ in range(ROUNDS):
            began = time.process_time()
            exec(_WORK, {})
            took.append(time.process_time() - began)
        now = statistics.median(took) / SECONDS_THERE
        self._samples.append(now)
        return now

    @property
    def slower(self) -> float:
        """How many times as long a core took, as the median of all samples."""
        return statistics.median(self._samples)

    def __str__(self) -> str:
        lowest, highest = min(self._samples), max(self._samples)
        return (
            f"a core takes {self.slower:.2f} ({lowest:.2f}-{highest:.2f}) times as long here as where targets were set"
        )
