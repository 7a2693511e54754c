"""The whole of Rolebridge for a benchmark: PostgreSQL, Valkey, sandbox, web server and workers, each a real process.

Everything listens on 127.0.0.1, keeps its data in a folder that is removed, and ends with the block.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from scene import REGION, VENDOR, Scene, deploy_role, end_when_told, free_port, vendor_settings

from integrations.catalogue import load_catalogue
from portal.local import services
from portal.local.commands import web_command, worker_command

if TYPE_CHECKING:
    from integrations.models import Connection
    from tenants.models import Tenant, User

ROOT = Path(__file__).resolve().parent.parent
COMPONENT = "log-analysis"


@dataclass
class Installation:
    """A running Rolebridge. `workers` are the process ids of the worker processes, `end_web_and_valkey` ends those two
    for whoever runs them otherwise.
    """

    scene: Scene
    web: str
    server: services.Postgres
    end_web_and_valkey: Callable[[], None]
    workers: list[int] = field(default_factory=list)
    beat: int = 0  # its process id, where it runs
    directory: Path = Path()
    web_processes: list[psutil.Process] = field(default_factory=list)  # of a web server beside the first one

    def tenant(self, number: int) -> "tuple[Tenant, User, str]":
        """A tenant with its owner, and an API token of the tenant."""
        from tenants.actions.tenants import create_tenant
        from tenants.actions.tokens import create_token
        from tenants.audit import SYSTEM
        from tenants.models import User
        from tenants.permissions import Scope
        from tenants.scope import tenant_scope

        owner = User.objects.create(email=f"owner{number}@example.com")
        tenant = create_tenant(name=f"Customer {number}", owner=owner, by=SYSTEM)
        with tenant_scope(tenant.pk):
            _, token = create_token(tenant=tenant, name="Benchmark", user=owner, by=SYSTEM, scopes=list(Scope))
        return tenant, owner, token

    def connection(self, tenant: "Tenant", account_id: str, name: str, *, is_deployed: bool = True) -> "Connection":
        """A connection with one component, whose role is deployed unless somebody wants it missing."""
        from integrations.actions.connections import create_connection
        from tenants.audit import SYSTEM
        from tenants.scope import tenant_scope

        with tenant_scope(tenant.pk):
            connection = create_connection(
                tenant=tenant, name=name, account_id=account_id, components=[COMPONENT], by=SYSTEM
            )
        if is_deployed:
            deploy_role(
                self.scene,
                self.scene.catalogue.component(COMPONENT),
                account_id=account_id,
                reference=connection.reference,
                external_id=connection.external_id,
            )
        return connection


@contextmanager
def installation(workers: int, *, beat: bool = False, is_durable: bool = False) -> Iterator[Installation]:
    """Start it all; Django is set up in this process when the block begins."""
    end_when_told()
    directory = Path(tempfile.mkdtemp(prefix="rb-bench-"))
    try:
        with ExitStack() as stack:
            yield _start(stack, directory, workers, beat=beat, is_durable=is_durable)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _start(stack: ExitStack, directory: Path, workers: int, *, beat: bool, is_durable: bool) -> Installation:
    valkey_port, sandbox_port, web_port = free_port(), free_port(), free_port()
    logs = directory / "logs"
    server, _ = stack.enter_context(services.postgres(directory / "pg", durable=is_durable))
    server.create_database("rolebridge")
    inner = stack.enter_context(ExitStack())
    inner.enter_context(services.valkey(directory / "valkey", valkey_port, logs / "valkey.log"))
    sandbox = stack.enter_context(services.sandbox(sandbox_port, logs / "sandbox.log"))
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "ROLEBRIDGE_MODE": "test",
            "ROLEBRIDGE_LOCAL_DIR": str(directory),
            "BASE_URL": f"http://127.0.0.1:{web_port}",
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{valkey_port}/0",
            "CACHE_URL": f"redis://127.0.0.1:{valkey_port}/1",
            "VENDOR_REGION": REGION,
            "API_CALLS_PER_MINUTE_OF_A_TOKEN": "0",
            "API_CALLS_PER_MINUTE_OF_A_TENANT": "0",
        }
        | server.environment("rolebridge")
        | services.aws_environment(sandbox.address, VENDOR)
    )
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    import django

    django.setup()
    from django.core.management import call_command

    from integrations.actions.seeding import seed_vendor_account

    call_command("migrate", verbosity=0)
    seed_vendor_account()
    stack.callback(_close_database)
    web = f"http://127.0.0.1:{web_port}"
    log = logs / "web.log"
    process = inner.enter_context(services.child_process(web_command(sys.executable, web_port), log))
    services.wait_until("web", lambda: services.answers(f"{web}/livez"), process, log)
    catalogue = load_catalogue(ROOT / "catalogue.yaml")
    place = Installation(
        Scene(sandbox.address, vendor_settings(sandbox.address, catalogue), catalogue), web, server, inner.close
    )
    for number in range(workers):
        place.workers.append(_start_worker(stack, logs / f"worker{number}.log", number))
    if beat:
        from portal.local.commands import beat_command

        command = beat_command(sys.executable, directory / "beat")
        place.beat = stack.enter_context(services.child_process(command, logs / "beat.log")).pid
    place.directory = directory
    return place


def _start_worker(stack: ExitStack, log: Path, number: int) -> int:
    command = [*worker_command(sys.executable), "--hostname", f"worker{number}@%h"]
    process = stack.enter_context(services.child_process(command, log))
    services.wait_until("worker", lambda: " ready." in log.read_text(), process, log)
    return process.pid


def _close_database() -> None:
    from django.db import connections

    for connection in connections.all():
        connection.close()
        if connection.alias != "owner":
            connection.close_pool()  # type: ignore[attr-defined]  # of the backend with a pool
