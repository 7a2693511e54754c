"""The standing cast and the real parts that tests talk to. Everything here starts when a test first asks for it."""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

import psycopg
import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.test import Client
from hypothesis import settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from integrations.aws.clients import ClientFactory
from integrations.aws.customer_stack import SANDBOX_SECRET
from portal.local import services
from tenants.actions.tenants import create_tenant
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import Member, Tenant, User
from tenants.permissions import Role, Scope
from tenants.scope import tenant_scope
from tenants.secrets import seal
from tests import aws_command_line, processes
from tests.brokers import unread, use_broker
from tests.environment import BROKER, DATABASE, DIRECTORY, POSTGRES_DATA, SANDBOX_PORT, VALKEY_PORT
from tests.second_factor import TOTP_SECRET, show_second_factor

VENDOR_BUCKET = "vendor-role-templates"

# `make nightly` looks further than CI has time for. Times say nothing on a busy machine, so no example has a deadline:
# what is thrown at parsers and forms may take so much CPU time, tests/hangs.py.
settings.register_profile("ci", max_examples=60, deadline=None)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

PASSWORD = "a long and rather quiet password"


@pytest.fixture(scope="session")
def database(django_db_blocker) -> Iterator[services.Postgres]:
    """PostgreSQL with the real migrations, made by the owner."""
    with services.postgres(POSTGRES_DATA, durable=False) as (server, _):
        server.create_database(DATABASE)
        with django_db_blocker.unblock():
            call_command("migrate", verbosity=0)
        yield server
        for connection in connections.all():
            connection.close()
            if connection.alias != "owner":
                connection.close_pool()  # type: ignore[attr-defined]  # of the backend with a pool


@pytest.fixture
def db(database, broker, django_db_blocker) -> Iterator[services.Postgres]:
    """The database, as the restricted roles see it. What a test writes is committed, and removed after it.

    It takes the place of pytest-django's fixture, whose open transaction would hide a test's rows from the worker and
    from the other database roles.
    """
    with django_db_blocker.unblock():
        yield database
        for connection in connections.all():
            connection.close()
    _empty(database)
    cache.clear()


def _empty(database: services.Postgres) -> None:
    """Remove every row. A worker that another test started may be looking at one just then: wait for it, and again."""
    for attempts_left in range(5, 0, -1):
        try:
            _remove_rows(database)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
            if attempts_left == 1:
                raise
        else:
            return


# Truncating gives each table and index a new file, which takes far longer than to delete a few rows. Now and then it is
# done all the same, or what was deleted would fill the tables that are looked through.
_TRUNCATED_EVERY = 200
_emptied = itertools.count(1)
_DELETE = """
DO $$
DECLARE
    one text;
    has_rows boolean;
BEGIN
    FOREACH one IN ARRAY string_to_array(current_setting('tests.tables'), ', ') LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO has_rows;
        IF has_rows THEN
            EXECUTE format('DELETE FROM %s', one);
        END IF;
    END LOOP;
END $$
"""


def _remove_rows(database: services.Postgres) -> None:
    with psycopg.connect(database.url(DATABASE)) as superuser:
        keep = ("django_migrations", "django_content_type", "auth_permission")
        (tables,) = superuser.execute(
            "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables"
            " WHERE schemaname = 'public' AND NOT tablename = ANY(%s)",
            [list(keep)],
        ).fetchone()
        superuser.execute("SET lock_timeout = '5s'")
        superuser.execute("SET session_replication_role = replica")  # no trigger, and no foreign key is looked at
        if next(_emptied) % _TRUNCATED_EVERY == 0:
            superuser.execute("ALTER TABLE tenants_auditevent DISABLE TRIGGER append_only_truncate")
            superuser.execute(f"TRUNCATE {tables}")
            superuser.execute("ALTER TABLE tenants_auditevent ENABLE TRIGGER append_only_truncate")
        else:
            superuser.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE")  # whoever still writes has ended then
            superuser.execute("SELECT set_config('tests.tables', %s, true)", [tables])
            superuser.execute(_DELETE)


@pytest.fixture(scope="session", autouse=True)
def static_files_looked_for_once() -> Iterator[None]:
    """Each test client makes its own WhiteNoise, which would look at every static file again: a third of some tests."""
    found: dict[str, StaticFile] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def look_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """Valkey: the broker and the cache."""
    with services.valkey(DIRECTORY / "valkey", VALKEY_PORT, DIRECTORY / "logs" / "valkey.log") as service:
        yield service.address


@pytest.fixture(scope="session")
def sandbox_address() -> Iterator[str]:
    """The sandbox, with the vendor's roles in the vendor's account."""
    from integrations.actions.seeding import seed_vendor_account

    with services.sandbox(SANDBOX_PORT, DIRECTORY / "logs" / "sandbox.log") as service:
        seed_vendor_account()
        yield service.address


@pytest.fixture(scope="session")
def worker_process(database, broker, sandbox_address) -> Iterator[Popen[bytes]]:
    """A Celery worker process, which stays for the tests after."""
    with processes.celery_worker() as process:
        yield process


@pytest.fixture
def worker(worker_process, monkeypatch) -> Popen[bytes]:
    """A Celery worker process that does what this test asks for."""
    use_broker(monkeypatch, BROKER)
    return worker_process


@pytest.fixture
def no_worker_takes_them(broker, monkeypatch) -> None:
    """What this test asks for stays in the queue, whatever worker another test started."""
    use_broker(monkeypatch, unread(broker))


@pytest.fixture
def beat(broker) -> Iterator[Popen[bytes]]:
    """Celery beat, for one test: what it starts by itself must not meet the next one."""
    with processes.celery_beat() as process:
        yield process


@pytest.fixture(scope="session")
def live_portal(database, broker, sandbox_address) -> Iterator[str]:
    """The web server in a process of its own; gives its address."""
    with processes.portal() as address:
        yield address


@pytest.fixture(scope="session")
def aws_command() -> Iterator[Path]:
    """A directory with the real `aws` command line, as quick as tests/aws_command_line.py makes it; put it in PATH."""
    with tempfile.TemporaryDirectory(prefix="rb-aws-") as directory:
        socket, command = Path(directory) / "socket", Path(directory) / "aws"
        asker = f'"{sys.executable}" -I -S "{aws_command_line.__file__}" "{socket}"'
        command.write_text(f'#!/bin/sh\nexec {asker} "$@"\n')
        command.chmod(0o755)
        server = Popen([sys.executable, "-m", "tests.aws_command_line", str(socket)], stdout=PIPE)
        try:
            assert server.stdout.readline() == b"ready\n"
            yield Path(directory)
        finally:
            server.kill()
            server.communicate()


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium. A machine without one fails here: a test that is skipped has not passed."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # milliseconds; on a busy machine a page can take longer than Playwright's five
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable, "No Chromium is installed. As root on Debian: apt-get install chromium"
    # Playwright keeps an event loop in this thread, which Django would take for an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(browser, live_portal, db):
    """A new browser window with no cookies."""
    context = browser.new_context(base_url=live_portal, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    yield page
    context.close()


@dataclass(frozen=True)
class Cast:
    """Two tenants and the people around them."""

    tenant: Tenant
    owner: User
    admin: User
    viewer: User
    other_tenant: Tenant
    stranger: User  # the owner of the other tenant
    staff: User
    password: str = PASSWORD


@pytest.fixture
def cast(db) -> Cast:
    """The standing cast."""
    people = {name: User.objects.create_user(f"{name}@example.com", PASSWORD) for name in ("owner", "admin", "viewer")}
    stranger = User.objects.create_user("stranger@example.net", PASSWORD)
    tenant = create_tenant(name="Blue Harbour", owner=people["owner"], by=SYSTEM)
    other_tenant = create_tenant(name="Red Mill", owner=stranger, by=SYSTEM)
    with tenant_scope(tenant.pk):
        Member.objects.create(tenant=tenant, user=people["admin"], role=Role.ADMIN)
        Member.objects.create(tenant=tenant, user=people["viewer"], role=Role.VIEWER)
    staff = User.objects.create_superuser("staff@vendor.example", PASSWORD)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": seal(TOTP_SECRET)})
    return Cast(
        tenant=tenant,
        owner=people["owner"],
        admin=people["admin"],
        viewer=people["viewer"],
        other_tenant=other_tenant,
        stranger=stranger,
        staff=staff,
    )


@pytest.fixture
def bucket(sandbox_address) -> Iterator[str]:
    """The vendor's bucket, into which the worker's role may write."""
    root = ClientFactory(sandbox_address)
    vendor = django_settings.VENDOR_ACCOUNT_ID
    root.with_keys("s3", "us-east-1", vendor, SANDBOX_SECRET).create_bucket(Bucket=VENDOR_BUCKET)
    root.with_keys("iam", "us-east-1", vendor, SANDBOX_SECRET).put_role_policy(
        RoleName="worker",
        PolicyName="templates",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],'
        f'"Resource":"arn:aws:s3:::{VENDOR_BUCKET}/role-templates/*"}}]}}',
    )
    yield VENDOR_BUCKET
    iam = root.with_keys("iam", "us-east-1", vendor, SANDBOX_SECRET)
    iam.delete_role_policy(RoleName="worker", PolicyName="templates")


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    """A Django test client in which the user is signed in; support staff have shown their second factor."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        if user.is_staff:
            show_second_factor(client, user)
        return client

    return signed_in


@pytest.fixture
def api() -> Callable[..., object]:
    """An API client with a token that the user made in the tenant, with every scope unless the test says less."""
    from rest_framework.test import APIClient

    def with_token(user: User, tenant: Tenant, scopes: Iterable[Scope] = tuple(Scope)) -> APIClient:
        with tenant_scope(tenant.pk):
            _, text = create_token(tenant=tenant, name="Test", user=user, by=SYSTEM, scopes=scopes)
        client = APIClient()
        # Most tests change what they just made; those of `If-Match` say what they saw.
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}", HTTP_IF_MATCH="*")
        return client

    return with_token
