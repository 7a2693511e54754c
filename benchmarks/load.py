"""200 customers at once with 5 to 10 seconds between clicks; then ten times as many; then 200 again.

    python benchmarks/load.py [--seconds N] [--overload-seconds N] [--customers N] [--as-there]

They browse, call the API and verify against the web server as in production (two processes of eight threads), a worker
and beat, all on this machine and on 127.0.0.1. With 200 nothing may be answered with a fault of ours. With ten times as
many, what is too much is told to come again (429 or 503 with Retry-After), health stays green, and afterwards all is as
before. Exit code 1 says that something of this is not so.

How many customers two cores can serve says as much of the cores. With `--as-there` as many come as ask of this machine
what 200 ask of the one for which the target is set, and its milliseconds are held against that too (see `machine.py`).
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from contextlib import suppress

from customers import PAGES, Customer, Seen, ask, make_customers, play, web_as_in_production
from installation import installation
from machine import Machine

MOST_PAGE_MS = 400.0
TIMES = 10
WARMS_UP_SECONDS = 20.0  # not counted: each process reads its templates and opens its connections
SETTLES_SECONDS = 15.0  # after the overload, before it is looked at again
PROBES = ("/livez", "/readyz")


async def probe(web: str, ended: asyncio.Event, health: Counter[str]) -> None:
    """Ask for health every second, as an orchestrator does."""
    while not ended.is_set():
        for address in PROBES:
            try:
                status, _ = await asyncio.wait_for(ask(web, "GET", address), 10)
                health[f"{address} {status}"] += 1
            except (OSError, TimeoutError):
                health[f"{address} no answer"] += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), 1)


async def phase(web: str, customers: list[Customer], times: int, seconds: float) -> tuple[Seen, Counter[str]]:
    """Let them click, and ask for health meanwhile."""
    seen, health, ended = Seen(), Counter[str](), asyncio.Event()
    probing = asyncio.create_task(probe(web, ended, health))
    await play(web, customers, times, seconds, seen)
    ended.set()
    await probing
    return seen, health


def say(name: str, seen: Seen, health: Counter[str], seconds: float) -> None:
    """A line of figures."""
    statuses = ", ".join(f"{status} {count}" for status, count in sorted(seen.statuses.items()))
    probed = ", ".join(f"{answer} {count}" for answer, count in sorted(health.items()))
    print(f"{name}: {seen.answered / seconds:.0f} answers a second ({statuses}), p95 of pages {seen.p95(PAGES):.0f} ms")
    print(f"  health: {probed}")


def judge(name: str, seen: Seen, health: Counter[str], *, may_shed: bool, most_page_ms: float) -> list[str]:
    """What is not as it must be."""
    trouble = [f"{name}: {fault}" for fault in seen.faults[:5]]
    if len(seen.faults) > len(trouble):
        trouble.append(f"{name}: {len(seen.faults)} faults in all")
    if not may_shed and seen.shed:
        trouble.append(f"{name}: {seen.shed} were told to come again")
    if not may_shed and seen.p95(PAGES) > most_page_ms:
        trouble.append(f"{name}: p95 of pages {seen.p95(PAGES):.0f} ms, at most {most_page_ms:.0f}")
    if bad := {answer: count for answer, count in health.items() if not answer.endswith(" 200")}:
        trouble.append(f"{name}: health was not green: {bad}")
    return trouble


async def run(
    web: str, customers: list[Customer], seconds: float, overload_seconds: float, most_page_ms: float
) -> list[str]:
    """The three phases; what is not as it must be."""
    trouble = []
    await play(web, customers, 1, WARMS_UP_SECONDS, Seen())
    for name, times, length in (
        ("before", 1, seconds), (f"{TIMES} times as many", TIMES, overload_seconds), ("after", 1, overload_seconds)
    ):  # fmt: skip
        seen, health = await phase(web, customers, times, length)
        say(name, seen, health, length)
        trouble += judge(name, seen, health, may_shed=times > 1, most_page_ms=most_page_ms)
        if times > 1:
            await asyncio.sleep(SETTLES_SECONDS)
    return trouble


def main() -> int:
    """Play the three phases and say what was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--overload-seconds", type=float, default=60)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--as-there", action="store_true")
    options = parser.parse_args()
    started, machine = time.monotonic(), Machine()
    slower = machine.slower if options.as_there else 1.0
    with installation(workers=1, beat=True) as place:
        customers = make_customers(place, round(options.customers / slower))
        print(f"{len(customers)} customers are there after {time.monotonic() - started:.0f} s")
        with web_as_in_production(place) as web:
            seconds = options.seconds, options.overload_seconds
            trouble = asyncio.run(run(web, customers, *seconds, MOST_PAGE_MS * slower))
    machine.sample()
    print(machine)
    print("\n".join(trouble) if trouble else "no fault, what was too much was told to come again, and all is as before")
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
