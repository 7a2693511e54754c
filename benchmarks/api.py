"""Whether lists of the API stay as fast with 100,000 connections as with 100: p95 of each list, many by few.

    python benchmarks/api.py [--few N] [--many N] [--rounds N] [--calls N]

Two tenants of one installation, each with a customer role, a verification and two findings for every connection, are
asked in turn through the web server, so that what else the machine does meets both. The ratio is the median of the
rounds', the lowest and the highest in brackets. Ends with exit code 1 if a list's ratio is over the target. Everything
runs on 127.0.0.1 and is ended in a few minutes.
"""

import argparse
import http.client
import json
import random
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from installation import COMPONENT, installation

TARGET = 1.3
FEWEST = "connections/?search= (one fits)"
LISTS = (
    "connections/",
    "connections/?ordering=name",
    "connections/?ordering=created_at&page_size=100",
    "connections/?is_removed=false",
    "connections/?status=awaiting",
    "connections/?search=Connection",
    "connections/?name=Connection",
    "findings/",
    "findings/?outcome=denied",
    "audit-events/",
    "audit-events/?actor=Rolebridge",
)


class Client:
    """An API client of one tenant. All share a connection, so that the same thread of the web server answers them."""

    def __init__(self, connection: http.client.HTTPConnection, token: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> dict[str, Any]:
        """The page at this address."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return json.loads(body)


def fill(tenant: Any, owner: Any, connections: int) -> None:
    """Rows of so many connections, made by the database out of one."""
    from django.db import connections as databases

    from integrations.actions.connections import create_connection
    from integrations.models import Connection, CustomerRole, Finding, Verification
    from tenants.audit import SYSTEM
    from tenants.models import AuditEvent
    from tenants.scope import tenant_scope

    with tenant_scope(tenant.pk), databases["default"].cursor() as cursor:
        # Triggers look rows up one by one, in tables that were small when their plans were made.
        cursor.execute("SET LOCAL enable_seqscan = off")
        first = create_connection(tenant=tenant, name="Connection 0", components=[COMPONENT], by=SYSTEM)
        role = CustomerRole.objects.get(connection=first)
        verification = Verification.objects.create(
            tenant=tenant, connection=first, state="completed", requested_by=owner.email
        )
        for outcome in ("passed", "denied"):
            Finding.objects.create(
                tenant=tenant, verification=verification, component=COMPONENT, check_code="x", outcome=outcome
            )
        event = AuditEvent.objects.latest("pk")

        def multiply(model: Any, source: str, **values: str) -> None:
            """Insert a copy of the model's row `t` for each row of `source`, with these values of its own."""
            columns = [field.column for field in model._meta.concrete_fields if field.column != "id" or "id" in values]
            picked = ", ".join(values.get(column, f"t.{column}") for column in columns)
            table = model._meta.db_table
            cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {picked} FROM {table} t, {source}")

        numbers = f"generate_series(1, {connections - 1}) n WHERE t.id = '{first.pk}'"
        multiply(
            Connection,
            numbers,
            id="gen_random_uuid()",
            reference=f"lpad(n::text, 6, '0') || '{tenant.reference[:4]}'",
            # Hex digits, with those that Base32 has not as letters.
            external_id="'rb-' || substr(translate(encode(sha256(gen_random_uuid()::text::bytea), 'hex'), '0189', "
            "'ghij'), 1, 32)",
            name="'Connection ' || n",
            created_at="t.created_at - n * interval '1 second'",
        )
        others = f"integrations_connection c WHERE c.tenant_id = '{tenant.pk}' AND c.id <> '{first.pk}'"
        multiply(CustomerRole, f"{others} AND t.id = {role.pk}", connection_id="c.id")
        multiply(
            Verification,
            f"{others} AND t.id = '{verification.pk}'",
            id="gen_random_uuid()",
            connection_id="c.id",
            requested_at="c.created_at",
        )
        of_others = f"integrations_verification v WHERE v.tenant_id = '{tenant.pk}' AND v.id <> '{verification.pk}'"
        multiply(Finding, f"{of_others} AND t.verification_id = '{verification.pk}'", verification_id="v.id")
        multiply(
            AuditEvent,
            f"generate_series(1, {connections}) n WHERE t.id = {event.pk}",
            at="t.at - n * interval '1 second'",
        )
    with databases["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")


def pages(client: Client, connections: int) -> dict[str, str]:
    """The lists to ask for, by their names; the page after the first of so many connections; and a search that only the
    last of them fits.
    """
    addresses = {name: f"/api/v1/{name}" for name in LISTS}
    inner = client.get("/api/v1/connections/?page_size=40")["next"]
    return addresses | {
        "connections/ (next page)": inner.partition("/api/")[1] + inner.partition("/api/")[2],
        FEWEST: f"/api/v1/connections/?search=Connection+{connections - 1}",
    }


def measure(few: tuple[Client, str], many: tuple[Client, str], calls: int) -> tuple[float, float]:
    """The p95 of so many calls to each, in milliseconds.

    The two are asked in turn, and it is left to chance who is first: what a process does after each so many requests,
    as collecting what is not used any more, would else meet always the same one of them, and it is most of a p95.
    """
    times: tuple[list[float], list[float]] = ([], [])
    both = list(zip((few, many), times, strict=True))
    for _ in range(calls):
        random.shuffle(both)
        for (client, address), taken in both:
            started = time.perf_counter()
            page = client.get(address)
            taken.append((time.perf_counter() - started) * 1000)
            assert page["results"], address
    few_p95, many_p95 = (statistics.quantiles(taken, n=20)[18] for taken in times)
    return few_p95, many_p95


def main() -> int:
    """Measure; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=100)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=40)
    options = parser.parse_args()
    missed = []
    with installation(workers=0) as place:
        clients, web = {}, http.client.HTTPConnection(urlsplit(place.web).netloc, timeout=60)
        for number, connections in enumerate((options.few, options.many)):
            tenant, owner, token = place.tenant(number)
            started = time.monotonic()
            fill(tenant, owner, connections)
            print(f"{connections} connections made in {time.monotonic() - started:.1f} s")
            clients[connections] = Client(web, token)
        addresses = {connections: pages(client, connections) for connections, client in clients.items()}
        for name in addresses[options.few]:
            few, many = ((clients[count], addresses[count][name]) for count in (options.few, options.many))
            measure(few, many, calls=5)  # warms up what is cached
            rounds = [measure(few, many, options.calls) for _ in range(options.rounds)]
            ratios = [many_p95 / few_p95 for few_p95, many_p95 in rounds]
            ratio = statistics.median(ratios)
            words = "reached" if ratio <= TARGET else "MISSED"
            if name == FEWEST:  # every row of the tenant has to be looked at, or nothing could be said of the others
                words = "told, and no target"
            missed += [name] if words == "MISSED" else []
            few_p95, many_p95 = (statistics.median(values) for values in zip(*rounds, strict=True))
            print(
                f"  {name:<46} p95 {few_p95:6.1f} / {many_p95:6.1f} ms"
                f"  ratio {ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                f"  at most {TARGET}: {words}",
                flush=True,
            )
    print(f"missed: {', '.join(missed)}" if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
