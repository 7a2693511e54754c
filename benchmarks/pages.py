"""How long does the server take for a page, with 2,000 connections in the tenant?

Each page is asked for many times in one process, through every middleware, as the restricted database role; PostgreSQL
is a process of its own. What is measured is from the request to the last byte of the answer; beside it stands the CPU
time of this process, which a busy machine changes less.

Milliseconds say as much of the machine as of the page, so each answer is held against what a core took just before and
just after it (see `machine.py`): what it comes to where targets were set. Each page also stands beside a floor of the
same run: a page with the same frame, session, member and connection, and nothing in it. Both are asked in turn.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import Machine
from benchmarks.scene import end_when_told, free_port

TARGET_MS = 40.0
COMPONENTS = ("compute-analysis", "log-analysis", "storage-analysis")


def main() -> int:
    """Print a line for each page; 1 where one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    end_when_told()
    machine = Machine()
    with _installation():
        tenant, client, connection = _fill(options.connections)
        missed = _measure(machine, tenant, client, connection, options.rounds)
    print(machine)
    print(f"missed: {', '.join(missed)}" if missed else "all targets met")
    return 1 if missed else 0


@contextmanager
def _installation() -> Iterator[None]:
    """PostgreSQL and Valkey with the real migrations, and Django as the web server has it."""
    from portal.local import services
    from portal.memory import leave_loaded_modules_alone

    with tempfile.TemporaryDirectory(prefix="rb-pages-") as directory:
        place = Path(directory)
        with (
            services.postgres(place / "postgres", durable=False) as (database, _),
            services.valkey(place / "valkey", free_port(), place / "valkey.log") as valkey,
        ):
            database.create_database("rolebridge")
            os.environ |= {
                "ROLEBRIDGE_MODE": "test",
                "SECRET_KEY": "a benchmark's own",
                "CELERY_BROKER_URL": f"{valkey.address}/0",
                "CACHE_URL": f"{valkey.address}/1",
                **database.environment("rolebridge"),
            }
            import django

            django.setup()
            from django.core.management import call_command
            from django.db import connections

            call_command("migrate", verbosity=0)
            leave_loaded_modules_alone()  # as each web process does
            yield
            for one in connections.all():
                one.close()
                if one.alias != "owner":
                    one.close_pool()  # type: ignore[attr-defined]  # of the backend with a pool


def _fill(count: int) -> tuple[Any, Any, Any]:
    """A tenant with so many connections of every status, each with findings and a history of its own."""
    from datetime import timedelta

    from django.db import connections as databases
    from django.test import Client
    from django.utils import timezone

    from integrations.models import Connection, CustomerRole, Finding, Status, StatusChange, Verification
    from tenants.actions.tenants import create_tenant
    from tenants.audit import SYSTEM
    from tenants.models import User
    from tenants.scope import tenant_scope

    owner = User.objects.create_user("owner@example.com", "a long and rather quiet password")
    tenant = create_tenant(name="Blue Harbour", owner=owner, by=SYSTEM)
    now, statuses = timezone.now(), Status.values
    with tenant_scope(tenant.pk):
        made = Connection.objects.bulk_create(
            Connection(tenant=tenant, name=f"Account {number}", account_id=str(200_000_000_000 + number))
            for number in range(count)
        )
        CustomerRole.objects.bulk_create(
            CustomerRole(tenant=tenant, connection=one, component=component, status=statuses[number % 5], worked_at=now)
            for number, one in enumerate(made)
            for component in COMPONENTS
        )
        verifications = Verification.objects.bulk_create(
            Verification(
                tenant=tenant, connection=one, state="completed", requested_by="system", catalogue_version="1",
                started_at=now, finished_at=now,
            )
            for one in made
            for _ in range(3)
        )  # fmt: skip
        connection = made[0]
        latest = [one for one in verifications if one.connection_id == connection.pk][-1]
        codes = ["chain.base_to_component", "chain.component_to_integration", "chain.integration_to_customer"]
        codes += ["trust.control", "trust.no_external_id", "trust.wrong_external_id", "trust.canary", "account.matches"]
        Finding.objects.bulk_create(
            Finding(
                tenant=tenant, verification=latest, component=component, check_code=code, outcome="passed", title="Fine"
            )
            for component in COMPONENTS
            for code in [*codes, *["permission"] * 12]
        )
        StatusChange.objects.bulk_create(
            StatusChange(
                tenant=tenant, connection=connection, component=component, at=now - timedelta(days=day),
                before=statuses[day % 5], after=statuses[(day + 1) % 5], cause="verification",
            )
            for component in COMPONENTS
            for day in range(40)
        )  # fmt: skip
    with databases["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum has done in a database that was not filled a second ago
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    return tenant, client, connection


def _measure(machine: Machine, tenant: Any, client: Any, connection: Any, rounds: int) -> list[str]:
    base = f"/tenants/{tenant.pk}/connections/"
    one = f"{base}{connection.pk}/"
    floor = f"{one}sessions/"  # none was opened
    pages = {
        "connections": base,
        "connections, page 20": f"{base}?page=20",
        "connections, worst first": f"{base}?sort=urgent",
        "connections, longest unverified first": f"{base}?sort=longest",
        "connections, searched": f"{base}?q=account+19",
        "connection": one,
        "connection, live part": one,
    }
    missed = []
    for name, address in pages.items():
        headers = {"HX-Request": "true"} if name.endswith("live part") else {}
        for _ in range(3):  # the first reads templates and plans
            _once(client, address, headers)
            _once(client, floor, {})
        of_page, of_floor, there = [], [], []
        before = machine.sample()
        for _ in range(rounds):
            of_page.append(_once(client, address, headers))
            of_floor.append(_once(client, floor, {}))
            after = machine.sample()
            there.append(of_page[-1].time / ((before + after) / 2))
            before = after
        median, p95, p95_there = statistics.median(one.time for one in of_page), _p95_of(of_page), _p95(there)
        cpu, floor_cpu = (statistics.fmean(one.cpu for one in answers) for answers in (of_page, of_floor))
        words = "reached" if p95_there <= TARGET_MS else "MISSED"
        print(
            f"{name:38} median {median:6.1f} ms  p95 {p95:6.1f} ms  CPU {cpu:5.1f} ms"
            f"  p95 as there {p95_there:4.1f} ms, at most {TARGET_MS:.0f}: {words:7}"
            f"  p95 {p95 / _p95_of(of_floor):4.2f}, CPU {cpu / floor_cpu:4.2f} x floor"
        )
        if p95_there > TARGET_MS:
            missed.append(name)
    return missed


class _Taken(NamedTuple):
    """What an answer took, in milliseconds."""

    time: float
    cpu: float


def _p95_of(answers: list[_Taken]) -> float:
    return _p95([one.time for one in answers])


def _p95(times: list[float]) -> float:
    return sorted(times)[max(int(len(times) * 0.95) - 1, 0)]


def _once(client: Any, address: str, headers: dict[str, str]) -> _Taken:
    cpu, began = time.process_time(), time.perf_counter()
    answer = client.get(address, headers=headers)
    taken = _Taken((time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000)
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")
    return taken


if __name__ == "__main__":
    sys.exit(main())
