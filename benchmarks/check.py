"""How fast checks are from end to end: through the API, the broker and two worker processes, 60 ms added per AWS call.

    python benchmarks/check.py [--connections N] [--rate N]

One check is reachability alone: the chain into the customer role and GetCallerIdentity as it. Clients POST at a steady
rate, and a check has taken as long as from just before its POST until the database says that it ended. Then all
connections are asked for at once, which says how many checks two workers end in a second. Whole verifications are
reported apart, in the same two ways. Last, one tenant has accounts that take every call and answer none: how much later
the others' checks end then is printed too. How many checks are asked for and end in a second, and how long a POST
takes, is held against what a core takes here (see `machine.py`). Ends with exit code 1 if a target is missed.
Everything runs on 127.0.0.1 and is ended in a few minutes.
"""

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
from installation import Installation, installation
from machine import Machine
from scene import FIRST_CUSTOMER, cpu_seconds

LATENCY = 0.06  # seconds added to each call
WORKERS = 2
P95_SECONDS = 1.0
CHECKS_A_SECOND = 40
POST_MILLISECONDS = 25
# The nearest open-source peer, run on two cores with 60 ms per call: p95, checks a second, POST.
PEER = "p95 1.5-5.4 s, 1.3-4.1 checks a second, POST 50-69 ms"
CLIENTS = 8
HANGING = 8  # connections of one tenant whose accounts never answer: twice what may run of a tenant at once
DELAY_SECONDS = 1.0


@dataclass(frozen=True)
class Asked:
    """One check: when its POST began, and how long the POST took."""

    verification_id: str
    at: float
    post_seconds: float


class Client:
    """An API client with one connection that stays open per thread."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._local = threading.local()

    def ask(self, token: str, connection_id: str, checks: str) -> dict[str, Any]:
        """POST a verification."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._host, timeout=30)
        body = json.dumps({"checks": checks})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._local.connection.request("POST", f"/api/v1/connections/{connection_id}/verifications/", body, headers)
        answer = self._local.connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            raise SystemExit(f"POST answered {answer.status}: {text[:300]!r}")
        return dict(json.loads(text))


def ask_at_a_rate(ask: Callable[[int], Asked], count: int, per_second: float | None) -> list[Asked]:
    """Ask `count` times: at a steady rate, whatever the answers take, or as fast as the clients can."""
    started = time.monotonic()

    def one(number: int) -> Asked:
        if per_second:
            time.sleep(max(0.0, started + number / per_second - time.monotonic()))
        return ask(number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(count)))


def ends_of(place: Installation, asked: list[Asked], seconds: float) -> dict[str, float]:
    """When each ended, as the database says, in seconds of the clock of `time.time`; waits for all.

    Looks with one query for all tenants, as the superuser, who is below row-level security: what looks on these two
    cores must not be what is measured.
    """
    ids = list({one.verification_id for one in asked})
    deadline = time.monotonic() + seconds
    with psycopg.connect(place.server.url("rolebridge"), autocommit=True) as superuser:
        while True:
            rows = superuser.execute(
                "SELECT id::text, state, failure, extract(epoch FROM finished_at)::float FROM integrations_verification"
                " WHERE id = ANY(%s::uuid[]) AND finished_at IS NOT NULL",
                [ids],
            ).fetchall()
            for _, state, failure, _ in rows:
                if state != "completed":
                    raise SystemExit(f"a verification ended as {state}: {failure}")
            if len(rows) == len(ids):
                return {verification_id: at for verification_id, _, _, at in rows}
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(ids) - len(rows)} of {len(ids)} checks did not end in {seconds:.0f} s")
            time.sleep(0.5)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


@dataclass(frozen=True)
class Figures:
    """What a run came to."""

    p50: float
    p95: float
    post_ms: float
    per_second: float
    worker_cpu_ms: float


def measure(place: Installation, checks: str, connections: list[tuple[str, str]], per_second: float | None) -> Figures:
    """Ask for each connection once, and wait until all ended."""
    client = Client(place.web)

    def ask(number: int) -> Asked:
        token, connection_id = connections[number]
        at, started = time.time(), time.perf_counter()
        answer = client.ask(token, connection_id, checks)
        return Asked(answer["id"], at, time.perf_counter() - started)

    cpu = sum(cpu_seconds(pid) for pid in place.workers)
    asked = ask_at_a_rate(ask, len(connections), per_second)
    ends = ends_of(place, asked, 600)
    cpu = sum(cpu_seconds(pid) for pid in place.workers) - cpu
    took = [ends[one.verification_id] - one.at for one in asked]
    return Figures(
        p50=statistics.median(took),
        p95=percentile(took, 0.95),
        post_ms=statistics.median(one.post_seconds for one in asked) * 1000,
        per_second=len(asked) / (max(ends.values()) - min(one.at for one in asked)),
        worker_cpu_ms=cpu / len(asked) * 1000,
    )


def hang(place: Installation, number: int) -> None:
    """A tenant whose accounts take calls and answer none, with a verification of each asked for.

    Every second one answers no AssumeRole into it either; the others hang from the first call of the role's own.
    """
    from integrations.actions.verifications import request_verification
    from tenants.audit import SYSTEM
    from tenants.scope import tenant_scope

    tenant, _, _ = place.tenant(number)
    for account in range(HANGING):
        account_id = str(FIRST_CUSTOMER + number + account)
        connection = place.connection(tenant, account_id, f"Hanging {account}")
        calls = "target" if account % 2 else "account"
        place.scene.control("faults", {"kind": "timeout", calls: account_id, "seconds": 120})
        with tenant_scope(tenant.pk):
            request_verification(connection=connection, by=SYSTEM)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=300)
    parser.add_argument(
        "--rate", type=float, default=20.0, help="checks asked for in a second, on the machine of targets"
    )
    options = parser.parse_args()
    missed = []
    machine = Machine()

    def judge(what: str, value: float, target: str, reached: bool) -> None:
        print(f"  {what:44} {value:8.2f}   {target}: {'reached' if reached else 'MISSED'}")
        if not reached:
            missed.append(what)

    with installation(WORKERS) as place:
        connections = []
        for number in range(options.connections):
            tenant, _, token = place.tenant(number)
            connection = place.connection(tenant, str(FIRST_CUSTOMER + number), "Production")
            connections.append((token, str(connection.pk)))
        machine.sample()
        rate = options.rate / machine.slower
        measure(place, "all", connections, rate / 4)  # the sandbox knows all accounts, and the workers are warm
        measure(place, "all", connections, rate / 4)  # two passes in a row: the roles are connected
        place.scene.add_latency(LATENCY)
        for checks in ("reachability", "all"):
            slow = checks == "all"
            steadily = rate / (4 if slow else 1)
            machine.sample()
            steady = measure(place, checks, connections, steadily)
            machine.sample()
            burst = measure(place, checks, connections, None)
            machine.sample()
            print(f"{checks}: {len(connections)} connections of as many tenants, {LATENCY * 1000:.0f} ms per call")
            print(
                f"  {steadily:.1f} a second: median {steady.p50:.2f} s, p95 {steady.p95:.2f} s, "
                f"POST {steady.post_ms:.1f} ms, worker CPU {steady.worker_cpu_ms:.1f} ms a check"
            )
            print(
                f"  at once: {burst.per_second:.1f} a second, p95 {burst.p95:.2f} s, POST {burst.post_ms:.1f} ms, "
                f"worker CPU {burst.worker_cpu_ms:.1f} ms a check"
            )
            if not slow:
                judge("p95 in seconds, steady", steady.p95, f"under {P95_SECONDS:.0f}", steady.p95 < P95_SECONDS)
                judge(
                    "checks a second, two workers",
                    burst.per_second,
                    f"at least {CHECKS_A_SECOND}, here {CHECKS_A_SECOND / machine.slower:.1f}",
                    burst.per_second >= CHECKS_A_SECOND / machine.slower,
                )
                judge(
                    "POST in ms, steady",
                    steady.post_ms,
                    f"at most {POST_MILLISECONDS}, here {POST_MILLISECONDS * machine.slower:.0f}",
                    steady.post_ms <= POST_MILLISECONDS * machine.slower,
                )
                print(f"  {machine}")
                print(f"  the nearest peer: {PEER}")
        alone = measure(place, "reachability", connections, rate)
        hang(place, options.connections)
        beside = measure(place, "reachability", connections, rate)
        print(f"beside {HANGING} hanging accounts of another tenant: p95 {beside.p95:.2f} s, alone {alone.p95:.2f} s")
        delay = beside.p95 - alone.p95
        judge("seconds later than alone, p95", delay, f"at most {DELAY_SECONDS:.0f}", delay <= DELAY_SECONDS)
    print("missed: " + ", ".join(missed) if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
