"""Many threads of two tenants at once through whatever DATABASE_URL points at; prints what went wrong, or nothing.

A process of its own (`python -m tests.through_a_pooler SECONDS`), since Django reads its databases once.
"""

import sys
import time
from contextlib import suppress
from threading import Thread
from uuid import UUID

import django

THREADS = 8
Trouble = list[str]


def main(seconds: float) -> int:
    """Make two tenants and hammer them; the exit status."""
    django.setup()
    from tenants.actions.tenants import create_tenant
    from tenants.audit import SYSTEM
    from tenants.models import User

    tenants = [
        create_tenant(name=name, owner=User.objects.create_user(f"{name}@pool.example", None), by=SYSTEM).pk
        for name in ("one", "two")
    ]
    trouble: Trouble = []
    rounds: list[int] = []
    end = time.monotonic() + seconds
    threads = [Thread(target=_hammer, args=(tenants[n % 2], end, trouble, rounds)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"rounds={sum(rounds)}")  # noqa: T201 — this is a program
    print("\n".join(trouble[:20]))  # noqa: T201
    return 1 if trouble or len(rounds) < THREADS else 0


def _hammer(tenant_id: UUID, end: float, trouble: Trouble, rounds: list[int]) -> None:
    from django.db import connections

    from tenants import audit
    from tenants.audit import SYSTEM
    from tenants.models import AuditEvent, Member, Tenant
    from tenants.scope import current_tenant, staff_scope, tenant_scope

    done = 0
    while time.monotonic() < end:
        if Tenant.objects.exists() or Member.objects.exists() or current_tenant() is not None:
            trouble.append("a tenant is seen outside of every scope")
        with tenant_scope(tenant_id):
            audit.record("tenant:changed", by=SYSTEM, tenant_id=tenant_id, target=Tenant.objects.get())
            seen = set(AuditEvent.objects.values_list("tenant_id", flat=True))
            if seen != {tenant_id}:
                trouble.append(f"in the scope of {tenant_id}: {seen}")
        with suppress(ZeroDivisionError), tenant_scope(tenant_id):
            _ = 1 / 0  # what fails must not leave the tenant behind either
        with staff_scope():
            if Tenant.objects.count() != 2:
                trouble.append("staff do not see both tenants")
        done += 1
    rounds.append(done)
    connections.close_all()


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
