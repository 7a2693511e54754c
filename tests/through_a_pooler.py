"""Many threads of two tenants at once through whatever DATABASE_URL points at; prints how much, and what went wrong.

Each thread uses the scope itself, the API and the pages, and looks for the other tenant in every answer.

A process of its own (`python -m tests.through_a_pooler SECONDS`), since Django reads its databases once.
"""

import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from uuid import UUID

import django

THREADS = 8
Trouble = list[str]
# What each tenant's answers must name, and the other's must not: it is in all that is made below.
MARKS = ("otter", "heron")
API = "/api/v1/"
EXPORT_EVERY = 50


@dataclass(frozen=True)
class Place:
    """One of the two tenants, as a thread uses it."""

    tenant_id: UUID
    mark: str
    foreign: tuple[str, ...]  # what no answer may hold
    owner: Any
    token: str
    statuses: list[int] = field(default_factory=list)  # of all its answers


def main(seconds: float) -> int:
    """Make two tenants and hammer them; the exit status."""
    django.setup()
    from tenants.actions import settings

    settings.MOST_EXPORTS_AN_HOUR = 10**9
    places = _places()
    trouble: Trouble = []
    rounds: list[int] = []
    end = time.monotonic() + seconds
    threads = [Thread(target=_hammer, args=(places[n % 2], end, trouble, rounds)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = sum(len(place.statuses) for place in places)
    print(f"seconds={seconds:.0f} rounds={sum(rounds)} answers={answers} trouble={len(trouble)}")  # noqa: T201 — a program
    print("\n".join(trouble[:20]))  # noqa: T201
    return 1 if trouble or len(rounds) < THREADS else 0


def _places() -> list[Place]:
    from integrations.actions.connections import create_connection
    from tenants.actions.tenants import create_tenant
    from tenants.actions.tokens import create_token
    from tenants.audit import SYSTEM
    from tenants.models import User
    from tenants.permissions import Scope
    from tenants.scope import tenant_scope

    owners = [User.objects.create_user(f"{mark}@pool.example", None) for mark in MARKS]
    tenants = [create_tenant(name=mark, owner=owner, by=SYSTEM) for mark, owner in zip(MARKS, owners, strict=True)]
    places = []
    for number, (tenant, owner) in enumerate(zip(tenants, owners, strict=True)):
        with tenant_scope(tenant.pk):
            create_connection(tenant=tenant, name=MARKS[number], by=SYSTEM)
            _, token = create_token(tenant=tenant, name=MARKS[number], user=owner, by=SYSTEM, scopes=list(Scope))
        other = 1 - number
        foreign = (MARKS[other], str(tenants[other].pk), str(owners[other].pk))
        places.append(Place(tenant.pk, MARKS[number], foreign, owner, token))
    return places


def _hammer(place: Place, end: float, trouble: Trouble, rounds: list[int]) -> None:
    from django.db import connections
    from django.test import Client

    page = Client()
    page.force_login(place.owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    program = Client(headers={"Authorization": f"Bearer {place.token}", "If-Match": "*"})
    done = 0
    while time.monotonic() < end:
        _use_scopes(place.tenant_id, trouble)
        _use_api(place, program, done, trouble)
        _use_pages(place, page, trouble)
        done += 1
    rounds.append(done)
    connections.close_all()


def _use_scopes(tenant_id: UUID, trouble: Trouble) -> None:
    from tenants import audit
    from tenants.audit import SYSTEM
    from tenants.models import AuditEvent, Member, Tenant
    from tenants.scope import current_tenant, staff_scope, tenant_scope

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


def _use_api(place: Place, program: Any, number: int, trouble: Trouble) -> None:
    connections = _asked(place, program.get(f"{API}connections/"), trouble).json()["results"]
    if any(place.mark not in connection["name"] for connection in connections):
        trouble.append(f"{place.mark} is shown {[connection['name'] for connection in connections]}")
    change = {"name": f"{place.mark} {number}"}
    one = f"{API}connections/{connections[0]['id']}/"
    _asked(place, program.patch(one, change, content_type="application/json"), trouble)
    for what in ("tenant/", "members/", "audit-events/?page_size=20&ordering=-at", "findings/", "api-tokens/"):
        _asked(place, program.get(f"{API}{what}"), trouble)
    for what in ("single-sign-on/", "domains/", "recoveries/", "webhook-endpoints/"):
        _asked(place, program.get(f"{API}{what}"), trouble)
    if number % EXPORT_EVERY == 0:  # it grows with every round
        _asked(place, program.get(f"{API}tenant/export/"), trouble)


def _use_pages(place: Place, page: Any, trouble: Trouble) -> None:
    for what in ("connections/", "members/", "audit/"):
        _asked(place, page.get(f"/tenants/{place.tenant_id}/{what}"), trouble)


def _asked(place: Place, answer: Any, trouble: Trouble) -> Any:
    text = answer.getvalue().decode()
    place.statuses.append(answer.status_code)
    if answer.status_code != 200:
        trouble.append(f"{answer.request['PATH_INFO']} answered {answer.status_code}: {text[:200]}")
    if found := [foreign for foreign in place.foreign if foreign in text]:
        trouble.append(f"{answer.request['PATH_INFO']} showed {place.mark} what is another's: {found}")
    return answer


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
