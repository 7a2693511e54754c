"""Do the lists for support staff and for the product stay flat from 1,000 to 100,000 connections, a million findings?

Rows are written in bulk, by the database itself; every page is asked of Django in this process, as staff's database
role or the product's. It prints what each page takes with few rows and with many, and their ratio. Takes 3-6 minutes.

    python benchmarks/admin.py [--connections 100000] [--rounds 15]
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scene import REGION, VENDOR, cpu_seconds, end_when_told, free_port

from portal.local import services

FEW = 1_000
OF_TENANT = 10  # connections of one tenant
FINDINGS = 10  # of each verification, one verification of each connection
MOST_RATIO = 1.3
PER_PAGE = 50
LISTS = {
    "connections": "/admin/integrations/connection/",
    "connections, the last page": "/admin/integrations/connection/?p={last_page}",
    "connections that are unsafe": "/admin/integrations/connection/?status=unsafe",
    "connections, a week in their status": "/admin/integrations/connection/?for=168",
    "connections by account id": "/admin/integrations/connection/?q=200000000500",
    "connections by external ID": "/admin/integrations/connection/?q=rb-{external_id}",
    "connections by email address": "/admin/integrations/connection/?q=owner5@customer5.example",
    "connections by the beginning of an address": "/admin/integrations/connection/?q=owner5@",
    "connections by the domain of an address": "/admin/integrations/connection/?q=@customer5.example",
    "connections by role ARN": "/admin/integrations/connection/?q=arn:aws:iam::200000000500:role/rolebridge-x-y",
    "verifications": "/admin/integrations/verification/",
    "verifications that failed": "/admin/integrations/verification/?state=failed",
    "tenants": "/admin/tenants/tenant/",
    "tenants by email address": "/admin/tenants/tenant/?q=owner5@customer5.example",
    "members by the beginning of an address": "/admin/tenants/member/?q=owner5@",
    "one tenant": "/admin/tenants/tenant/{tenant}/change/",
    "one connection": "/admin/integrations/connection/{connection}/change/",
}
GROWS = {"dashboard": "/admin/"}
PRODUCT = {
    "product: connections": "/api/v1/product/connections/",
    "product: one connection": "/api/v1/product/connections/{connection}/",
    "product: the end of the feed": "/api/v1/product/events/?cursor={end}",
}


@contextmanager
def database() -> Iterator[services.Postgres]:
    """PostgreSQL and Valkey of its own, and Django set up for them."""
    end_when_told()
    directory = Path(tempfile.mkdtemp(prefix="rb-bench-"))
    try:
        with ExitStack() as stack:
            port = free_port()
            server, _ = stack.enter_context(services.postgres(directory / "pg", durable=False))
            server.create_database("rolebridge")
            stack.enter_context(services.valkey(directory / "valkey", port, directory / "valkey.log"))
            os.environ.update(
                {
                    "DJANGO_SETTINGS_MODULE": "portal.settings",
                    "ROLEBRIDGE_MODE": "test",
                    "ROLEBRIDGE_LOCAL_DIR": str(directory),
                    "CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0",
                    "CACHE_URL": f"redis://127.0.0.1:{port}/1",
                    "VENDOR_REGION": REGION,
                    "VENDOR_ACCOUNT_ID": VENDOR,
                }
                | server.environment("rolebridge")
            )
            import django

            django.setup()
            from django.core.management import call_command
            from django.db import connections

            call_command("migrate", verbosity=0)
            yield server
            for connection in connections.all():
                connection.close()
                if connection.alias != "owner":
                    connection.close_pool()  # type: ignore[attr-defined]  # of the backend with a pool
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def fill(server: services.Postgres, first: int, last: int) -> None:
    """Rows of the connections `first` to `last`, by a superuser with triggers off: their figures are set right here."""
    import psycopg

    ours = "translate(encode(sha256(('x' || n)::bytea), 'hex'), '0189', 'ghij')"
    with psycopg.connect(server.url("rolebridge"), autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("SET work_mem = '256MB'")
        for statement in (
            """
            INSERT INTO tenants_tenant (id, reference, name, created_at, require_second_factor, customer_number)
            SELECT md5('t' || t)::uuid, lpad(t::text, 10, 'a'), 'Customer ' || t, now(), false, 'C-' || t
            FROM generate_series(%(first)s / %(of)s, (%(last)s - 1) / %(of)s) t
            """,
            """
            INSERT INTO tenants_user (id, email, password, is_active, is_staff, is_superuser, date_joined)
            SELECT md5('u' || t)::uuid, 'owner' || t || '@customer' || t || '.example', '!', true, false, false, now()
            FROM generate_series(%(first)s / %(of)s, (%(last)s - 1) / %(of)s) t
            """,
            """
            INSERT INTO tenants_member (tenant_id, user_id, role, created_at)
            SELECT md5('t' || t)::uuid, md5('u' || t)::uuid, 'owner', now()
            FROM generate_series(%(first)s / %(of)s, (%(last)s - 1) / %(of)s) t
            """,
            f"""
            INSERT INTO integrations_connection (id, tenant_id, reference, name, external_id, account_id, created_at,
                worst_status, worst_status_since)
            SELECT md5('c' || n)::uuid, md5('t' || n / %(of)s)::uuid, lpad(n::text, 10, 'a'), 'Account ' || n,
                'rb-' || substr({ours}, 1, 32), (200000000000 + n)::text, now() - (%(last)s - n) * interval '1 second',
                CASE WHEN n %% 10 = 7 THEN 'unsafe' ELSE 'connected' END, now() - (n %% 30) * interval '1 day'
            FROM generate_series(%(first)s, %(last)s - 1) n
            """,
            """
            INSERT INTO integrations_customerrole (tenant_id, connection_id, component, status, status_since,
                quarantined, clean_rounds)
            SELECT c.tenant_id, c.id, component, c.worst_status, c.worst_status_since, c.worst_status = 'unsafe', 0
            FROM integrations_connection c, unnest(ARRAY['compute-analysis', 'log-analysis']) component
            WHERE c.account_id::bigint - 200000000000 >= %(first)s
            """,
            """
            INSERT INTO integrations_verification (id, tenant_id, connection_id, state, requested_by, requested_at,
                finished_at, attempt, catalogue_version, failure)
            SELECT md5('v' || c.id)::uuid, c.tenant_id, c.id, CASE WHEN abs(hashtext(c.id::text)) %% 10 = 1
                THEN 'failed' ELSE 'completed' END, 'Benchmark', c.created_at, c.created_at, 1, '1', ''
            FROM integrations_connection c WHERE c.account_id::bigint - 200000000000 >= %(first)s
            """,
            """
            INSERT INTO integrations_finding (tenant_id, verification_id, component, check_code, action, region,
                outcome, cause, who, title, detail, fix, duration_ms, request_id, created_at)
            SELECT c.tenant_id, md5('v' || c.id)::uuid, 'log-analysis', 'permission.probe', 'logs:DescribeLogGroups',
                '', CASE WHEN f = 1 THEN 'denied' ELSE 'passed' END, CASE WHEN f = 1 THEN 'missing_permission'
                ELSE '' END, CASE WHEN f = 1 THEN 'customer' ELSE 'nobody' END, 'Found', '', 'Deploy it.', 1, '',
                c.created_at
            FROM integrations_connection c, generate_series(1, %(findings)s) f
            WHERE c.account_id::bigint - 200000000000 >= %(first)s
            """,
            """
            INSERT INTO integrations_statuschange (tenant_id, connection_id, component, at, before, after, cause,
                feed_position)
            SELECT c.tenant_id, c.id, 'log-analysis', c.created_at, 'awaiting', 'connected', 'verification',
                nextval('integrations_feed_position')
            FROM integrations_connection c WHERE c.account_id::bigint - 200000000000 >= %(first)s
            """,
        ):
            superuser.execute(statement, {"first": first, "last": last, "of": OF_TENANT, "findings": FINDINGS})
        superuser.execute("VACUUM ANALYZE")


def clients() -> tuple[Callable[[str], int], Callable[[str], int]]:
    """Ask as staff, and as the product."""
    from allauth.mfa.models import Authenticator
    from django.conf import settings
    from django.test import Client

    from tenants.actions.service_tokens import create_service_token
    from tenants.api import service_tokens
    from tenants.audit import SYSTEM
    from tenants.models import User
    from tests.second_factor import show_second_factor

    settings.ALLOWED_HOSTS = ["testserver"]
    service_tokens.MOST_PER_MINUTE = 10**9
    staff = User.objects.create_superuser("staff@vendor.example", None)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "none"})
    browser = Client()
    browser.force_login(staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    show_second_factor(browser, staff)
    _, text = create_service_token(name="Benchmark", days=1, reason="Benchmark", by=SYSTEM)
    return (
        lambda url: browser.get(url).status_code,
        lambda url: Client().get(url, HTTP_AUTHORIZATION=f"Bearer {text}").status_code,
    )


def measure(server: services.Postgres, ask: Callable[[str], int], url: str, rounds: int) -> float:
    """Milliseconds of CPU that one answer takes, of this process and of PostgreSQL, after two that warm up. CPU and not
    time, since time on a shared machine measures what else runs there.
    """
    began = 0.0
    for number in range(rounds + 2):
        if number == 2:
            began = _cpu(server)
        status = ask(url)
        if status != 200:
            sys.exit(f"{url} answered {status}")
    return (_cpu(server) - began) / rounds * 1000


def _cpu(server: services.Postgres) -> float:
    import psycopg

    with psycopg.connect(server.url("rolebridge")) as superuser:
        backends = superuser.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename LIKE 'rolebridge%'"
        ).fetchall()
    return time.process_time() + sum(cpu_seconds(pid) for (pid,) in backends)


def one_of_each(connections: int) -> dict[str, object]:
    """What addresses name."""
    from integrations.actions.product_access import feed_end
    from integrations.models import Connection
    from tenants.scope import product_scope, staff_scope

    with staff_scope():
        connection = Connection.objects.get(account_id="200000000500")
    with product_scope():
        end = feed_end()
    return {
        "connection": connection.pk,
        "tenant": connection.tenant_id,
        "external_id": connection.external_id.removeprefix("rb-"),
        "end": end,
        "last_page": connections // PER_PAGE,
    }


def main() -> int:
    """Measure with few and with many; 1 if a list is not flat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    missed = 0
    with database() as server:
        fill(server, 0, FEW)
        as_staff, as_product = clients()
        pages = [(name, as_staff, url) for name, url in (LISTS | GROWS).items()]
        pages += [(name, as_product, url) for name, url in PRODUCT.items()]
        things = one_of_each(FEW)
        few = {name: measure(server, ask, url.format(**things), options.rounds) for name, ask, url in pages}
        began = time.perf_counter()
        fill(server, FEW, options.connections)
        print(
            f"{options.connections:,} connections, {options.connections * FINDINGS:,} findings, written in "
            f"{time.perf_counter() - began:.0f} s"
        )
        things = one_of_each(options.connections)
        print(f"{'milliseconds of CPU':42} {FEW:>9,} {options.connections:>9,}   ratio")
        for name, ask, url in pages:
            many = measure(server, ask, url.format(**things), options.rounds)
            ratio = many / few[name]
            missed += ratio > MOST_RATIO and name not in GROWS
            told = "grows with what it counts" if name in GROWS else f"at most {MOST_RATIO}: "
            if name not in GROWS:
                told += "reached" if ratio <= MOST_RATIO else "MISSED"
            print(f"{name:42} {few[name]:9.1f} {many:9.1f}  {ratio:6.2f}   {told}")
    print(f"{missed} missed" if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
