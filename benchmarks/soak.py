"""30 minutes of mixed load: does anything grow that should not?

    python benchmarks/soak.py [--minutes N] [--customers N]

Customers browse, call the API and verify against the web server as in production, a worker and beat, all on 127.0.0.1.
Every five seconds memory, file handles and threads of each process are noted, and the connections that PostgreSQL has.
After the warm-up (a third of the time) the mean of the first half is compared with that of the second: memory may
differ by 5 %, handles and connections by 5 % or two. Exit code 1 says that something grew.
"""

import argparse
import asyncio
import statistics
import sys
import time
from contextlib import suppress

import psutil
import psycopg
from customers import PAGES, Customer, Seen, make_customers, play, web_as_in_production
from installation import Installation, installation

EVERY_SECONDS = 5.0
MOST_SHARE = 0.05
MOST_HANDLES = 2
MEMORY, HANDLES = "memory in MB", "file handles"


class Samples:
    """What was noted, by process and kind."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], list[float]] = {}
        self._names: dict[int, str] = {}

    def note(self, name: str, process: psutil.Process) -> None:
        """One look at a process. Memory is what it alone holds, or shared pages would count in each."""
        with suppress(psutil.NoSuchProcess):
            self._add(name, MEMORY, process.memory_full_info().uss / 2**20)
            self._add(name, HANDLES, process.num_fds())
            self._add(name, "threads", process.num_threads())

    def note_connections(self, place: Installation) -> None:
        """How many connections PostgreSQL has."""
        with psycopg.connect(place.server.url("rolebridge")) as superuser:
            ((count,),) = superuser.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            )
        self._add("PostgreSQL", "connections", count)

    def _add(self, name: str, kind: str, value: float) -> None:
        self.found.setdefault((name, kind), []).append(value)

    def grown(self) -> list[str]:
        """Print each, and give what grew."""
        trouble = []
        for (name, kind), values in sorted(self.found.items()):
            warm = values[len(values) // 3 :]
            first, second = statistics.mean(warm[: len(warm) // 2]), statistics.mean(warm[len(warm) // 2 :])
            ratio = second / first if first else 1.0
            print(f"{name:<14} {kind:<14} {first:8.1f} then {second:8.1f}  ratio {ratio:.3f}")
            is_flat = abs(ratio - 1) <= MOST_SHARE or (kind != MEMORY and abs(second - first) <= MOST_HANDLES)
            if not is_flat:
                trouble.append(f"{name}: {kind} went from {first:.1f} to {second:.1f}")
        return trouble


async def watch(place: Installation, processes: dict[str, psutil.Process], samples: Samples) -> None:
    """Look at each process until this is cancelled."""
    while True:
        for name, process in processes.items():
            samples.note(name, process)
        samples.note_connections(place)
        await asyncio.sleep(EVERY_SECONDS)


async def soak(
    place: Installation, web: str, processes: dict[str, psutil.Process], customers: list[Customer], minutes: float
) -> int:
    """Let the customers click, and say what grew."""
    seen, samples = Seen(), Samples()
    watching = asyncio.create_task(watch(place, processes, samples))
    await play(web, customers, 1, minutes * 60, seen)
    watching.cancel()
    print(
        f"{seen.answered} answers in {minutes:g} min, {seen.statuses['no answer']} without, "
        f"{len(seen.faults)} faults, p95 of pages {seen.p95(PAGES):.0f} ms"
    )
    trouble = samples.grown() + seen.faults[:5]
    print("\n".join(trouble) if trouble else "nothing grew")
    return 1 if trouble else 0


def main() -> int:
    """Start it all, let it run, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--customers", type=int, default=50)
    options = parser.parse_args()
    started = time.monotonic()
    with installation(workers=1, beat=True) as place:
        customers = make_customers(place, options.customers)
        with web_as_in_production(place) as web:
            processes = {f"web {number}": one for number, one in enumerate(place.web_processes)}
            processes |= {"worker": psutil.Process(place.workers[0]), "beat": psutil.Process(place.beat)}
            print(f"ready after {time.monotonic() - started:.0f} s")
            return asyncio.run(soak(place, web, processes, customers, options.minutes))


if __name__ == "__main__":
    sys.exit(main())
