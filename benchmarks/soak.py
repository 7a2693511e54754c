"""30 minutes of mixed load: does anything grow that should not?

    python benchmarks/soak.py [--minutes N] [--customers N]

Customers browse, call the API and verify against the web server as in production, a worker and beat, all on 127.0.0.1.
Every five seconds memory, file handles and threads of each process are noted, and the connections that PostgreSQL has.
PostgreSQL is one line, the sum of its processes; what they share is counted once, and the pages that it keeps of the
database stand apart: they may fill up to `shared_buffers`, and so are the one thing that may grow.
After the warm-up (a third of the time) the mean of the first half is compared with that of the second: memory may
differ by 5 %, handles and connections by 5 % or two, and what PostgreSQL and Valkey hold by what two connections take.
Exit code 1 says that something grew.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import redis
from customers import PAGES, Customer, Seen, make_customers, play, web_as_in_production
from installation import Installation, installation

EVERY_SECONDS = 5.0
MOST_SHARE = 0.05
MOST_HANDLES = 2
MOST_SERVICE_MEMORY = {"PostgreSQL": 8.0, "Valkey": 2.0}  # in MB: two connections, and what they are served from
MEMORY, PAGES_KEPT, HANDLES = "memory in MB", "pages in MB", "file handles"


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

    def note_service(self, name: str, process: psutil.Process) -> None:
        """One look at a process and its children as one. Each has its part of the pages that several of them use."""
        memory = pages = 0.0
        for one in (process, *process.children(recursive=True)):
            with suppress(FileNotFoundError, ProcessLookupError):
                parts = proportional_megabytes(one.pid)
                memory += parts.get("Pss", 0) - parts.get("Pss_Shmem", 0)
                pages += parts.get("Pss_Shmem", 0)
        self._add(name, MEMORY, memory)
        if pages:
            self._add(name, PAGES_KEPT, pages)

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
            most = MOST_SERVICE_MEMORY.get(name, 0) if kind == MEMORY else MOST_HANDLES
            is_flat = abs(ratio - 1) <= MOST_SHARE or abs(second - first) <= most
            if not is_flat and kind != PAGES_KEPT:
                trouble.append(f"{name}: {kind} went from {first:.1f} to {second:.1f}")
        return trouble


def proportional_megabytes(pid: int) -> dict[str, float]:
    """A process's memory by kind; of a page that it shares with others, its part."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {
        name: int(kilobytes) / 1024 for name, kilobytes in re.findall(r"^(Pss\w*): +(\d+) kB$", rollup, re.MULTILINE)
    }


def services_of(place: Installation) -> dict[str, psutil.Process]:
    """PostgreSQL's first process, and Valkey's."""
    with redis.Redis.from_url(os.environ["CACHE_URL"]) as valkey:
        valkey_pid = int(valkey.info("server")["process_id"])
    postgres_pid = int((place.directory / "pg" / "postmaster.pid").read_text().splitlines()[0])
    return {"PostgreSQL": psutil.Process(postgres_pid), "Valkey": psutil.Process(valkey_pid)}


async def watch(place: Installation, processes: dict[str, psutil.Process], samples: Samples) -> None:
    """Look at each process until this is cancelled."""
    services = services_of(place)
    while True:
        for name, service in services.items():
            samples.note_service(name, service)
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
