"""Does the re-verification of all connections stay as quick, and as small, with ten times as many?

    python benchmarks/sweep.py [--few 500] [--many 5000] [--checks reachability|all]

Makes the connections, deploys their roles in the sandbox, and lets two worker processes verify all that are due, once
with few and once with many, as the schedule does it: what is due is claimed, queued and run. Printed are the time per
connection of both, the memory of the workers as it goes, and whether each connection was verified once and none was
lost; last, how many connections an emergency stop pauses. Ends with exit code 1 if a target is missed. With 5,000
connections it takes about a quarter of an hour on two cores, and stops by itself after `--limit` seconds. Everything
runs on 127.0.0.1.
"""

import argparse
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from installation import Installation, installation
from scene import FIRST_CUSTOMER, cpu_seconds, memory_megabytes

WORKERS = 2
TENANTS = 50
STOP_PATIENCE = 60.0  # seconds after which what an emergency stop has not paused counts as missed
FLAT_TIME = 0.15  # how much the time per connection may differ between few and many
FLAT_MEMORY = 0.10  # how much the workers' memory may grow after they are warm


@dataclass
class Sweep:
    """What one sweep came to."""

    connections: int
    seconds: float
    worker_cpu: float
    verified: Counter[UUID]
    memory: list[float] = field(default_factory=list)

    @property
    def per_connection(self) -> float:
        """Milliseconds of wall time per connection."""
        return self.seconds / self.connections * 1000

    @property
    def cpu_per_connection(self) -> float:
        """Milliseconds of the workers' CPU per connection."""
        return self.worker_cpu / self.connections * 1000


def make(place: Installation, tenants: list[Any], first: int, until: int) -> None:
    """Connections `first` to `until`, dealt out to the tenants; each tenant has one AWS account."""
    for number in range(first, until):
        which = number % len(tenants)
        place.connection(tenants[which], str(FIRST_CUSTOMER + which), f"Account {number}")


def connect(tenants: list[Any], limit: float) -> None:
    """Let each role be as two passes in a row would leave it: connected, due once a day, and no news to anybody."""
    from django.utils import timezone

    from integrations.actions.role_statuses import PASSES_TO_CONNECT
    from integrations.models import CustomerRole, Status
    from tenants.scope import tenant_scope

    # Whoever verifies locks connections before their roles; this has no lock on them.
    _wait_until_nothing_runs(tenants, limit)
    now = timezone.now()
    for tenant in tenants:
        with tenant_scope(tenant.pk):
            CustomerRole.objects.filter(tenant=tenant).update(
                status=Status.CONNECTED,
                told_status=Status.CONNECTED,
                passes=PASSES_TO_CONNECT,
                worked_at=now,
                status_since=now,
            )


def sweep(place: Installation, tenants: list[Any], count: int, checks: str, limit: float) -> Sweep:
    """Make everything due at once, and ask for what is due as beat does, until all were verified or time is over."""
    from django.utils import timezone

    from integrations.actions.schedule import verify_due
    from integrations.models import Connection
    from tenants.scope import tenant_scope

    _wait_until_nothing_runs(tenants, limit)
    began = timezone.now()
    for tenant in tenants:
        with tenant_scope(tenant.pk):
            Connection.objects.filter(tenant=tenant).update(next_verification_at=began)
    cpu = sum(cpu_seconds(pid) for pid in place.workers)
    started, memory = time.monotonic(), []
    while True:
        if checks == "all":
            verify_due()
        else:
            _ask_for_reachability(tenants)
        memory.append(sum(memory_megabytes(pid) for pid in place.workers))
        # Counted and not read, since this process shares the cores: with many, looking must cost no more than with few.
        if _number_ended(tenants, began, checks) >= count:
            ended = _ended(tenants, began, checks)
            if len(ended) >= count:
                break
        if time.monotonic() - started > limit:
            left = count - len(_ended(tenants, began, checks))
            raise SystemExit(f"{left} of {count} connections were not verified in {limit:.0f} s")
        time.sleep(0.5)
    seconds = time.monotonic() - started
    cpu = sum(cpu_seconds(pid) for pid in place.workers) - cpu
    return Sweep(count, seconds, cpu, ended, memory)


def stop_all(count: int) -> tuple[int, float]:
    """Start the emergency stop; gives how many connections are paused, and after how many seconds it were all `count`,
    or `STOP_PATIENCE` where they are not.
    """
    from integrations.actions.emergency_stop import follow, start_stop
    from integrations.models import CustomerRole, Status
    from tenants.audit import SYSTEM
    from tenants.scope import staff_scope

    started = time.monotonic()
    start_stop(reason="Benchmark", by=SYSTEM)
    while True:
        # What somebody holds a lock on is passed over, and follows: a worker does the same meanwhile, so what this
        # process has done is not all that is done, nor need it be over when this process finds nothing more.
        follow()
        with staff_scope():
            paused = CustomerRole.objects.filter(status=Status.PAUSED).values("connection_id").distinct().count()
        seconds = time.monotonic() - started
        if paused == count or seconds > STOP_PATIENCE:
            return paused, seconds
        time.sleep(0.2)


def _ended(tenants: list[Any], began: Any, checks: str) -> Counter[UUID]:
    """How often each connection was verified in the sweep."""
    from tenants.scope import tenant_scope

    ended = Counter[UUID]()
    for tenant in tenants:
        with tenant_scope(tenant.pk):
            ended.update(_completed(tenant, began, checks).values_list("connection_id", flat=True))
    return ended


def _number_ended(tenants: list[Any], began: Any, checks: str) -> int:
    from tenants.scope import tenant_scope

    number = 0
    for tenant in tenants:
        with tenant_scope(tenant.pk):
            number += _completed(tenant, began, checks).count()
    return number


def _completed(tenant: Any, began: Any, checks: str) -> Any:
    from integrations.models import Verification

    return Verification.objects.filter(tenant=tenant, requested_at__gte=began, checks=checks, state="completed")


def _wait_until_nothing_runs(tenants: list[Any], limit: float) -> None:
    from integrations.models import Connection, Verification
    from tenants.scope import tenant_scope

    deadline = time.monotonic() + limit
    for tenant in tenants:
        while time.monotonic() < deadline:
            with tenant_scope(tenant.pk):
                # Nothing is due by itself meanwhile: what a first pass has planned within seconds is this sweep's.
                Connection.objects.filter(tenant=tenant).update(next_verification_at=None)
                if not Verification.objects.filter(tenant=tenant, state__in=["queued", "running"]).exists():
                    break
            time.sleep(0.2)


def _ask_for_reachability(tenants: list[Any]) -> None:
    """As `verify_due`, of reachability alone: what waits is topped up, each tenant's share of it."""
    from django.utils import timezone

    from integrations.actions.verifications import request_verification
    from integrations.models import Connection, Verification
    from tenants.audit import SYSTEM
    from tenants.scope import tenant_scope

    share = 500 // len(tenants)
    for tenant in tenants:
        with tenant_scope(tenant.pk):
            room = share - Verification.objects.filter(tenant=tenant, state="queued").count()
            due = Connection.objects.filter(tenant=tenant, next_verification_at__lte=timezone.now())
            for connection in due[: max(room, 0)]:
                connection.next_verification_at = None
                connection.save(update_fields=["next_verification_at"])
                request_verification(connection=connection, by=SYSTEM, checks="reachability")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=500)
    parser.add_argument("--many", type=int, default=5000)
    parser.add_argument("--checks", choices=["all", "reachability"], default="all")
    parser.add_argument("--limit", type=float, default=3600, help="seconds that one sweep may take")
    options = parser.parse_args()
    missed = []

    def judge(what: str, shown: str, target: str, *, reached: bool) -> None:
        print(f"  {what:44} {shown:>16}   {target}: {'reached' if reached else 'MISSED'}", flush=True)
        if not reached:
            missed.append(what)

    with installation(WORKERS) as place:
        tenants = [place.tenant(number)[0] for number in range(TENANTS)]
        make(place, tenants, 0, options.few)
        sweep(place, tenants, options.few, "all", options.limit)  # the workers are warm, and the accounts are proved
        connect(tenants, options.limit)
        few = sweep(place, tenants, options.few, options.checks, options.limit)
        print(f"{few.connections}: {few.per_connection:.1f} ms each, workers' CPU {few.cpu_per_connection:.1f} ms each")
        make(place, tenants, options.few, options.many)
        connect(tenants, options.limit)
        many = sweep(place, tenants, options.many, options.checks, options.limit)
        print(
            f"{many.connections}: {many.per_connection:.1f} ms each, workers' CPU {many.cpu_per_connection:.1f} ms each"
        )
        for what, ratio in (
            ("time per connection, many / few", many.per_connection / few.per_connection),
            ("workers' CPU per connection, many / few", many.cpu_per_connection / few.cpu_per_connection),
        ):
            judge(what, f"{ratio:.2f}", f"1 ± {FLAT_TIME}", reached=abs(ratio - 1) <= FLAT_TIME)
        warm, last = statistics.median(few.memory), statistics.median(many.memory[-max(len(many.memory) // 5, 1) :])
        judge(
            "workers' memory, end of many / few",
            f"{last:.0f} / {warm:.0f} MB",
            f"1 ± {FLAT_MEMORY}",
            reached=abs(last / warm - 1) <= FLAT_MEMORY,
        )
        paused, seconds = stop_all(options.many)
        judge(
            "connections that an emergency stop pauses",
            f"{paused} in {seconds:.1f} s",
            "all",
            reached=paused == options.many,
        )
        twice = [connection for connection, times in many.verified.items() if times > 1]
        lost = many.connections - len(many.verified)
        judge("connections lost", str(lost), "none", reached=lost == 0)
        judge("connections verified twice", str(len(twice)), "none", reached=not twice)
    print("missed: " + ", ".join(missed) if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
