"""Customers for the load and the soak: each browses its own organisation, calls the API and verifies, with pauses.

One event loop plays them all, so that two thousand cost little beside the servers that they ask. Every request names
when it was sent, as the proxy does in production (`X-Request-Start`).
"""

import asyncio
import json
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scene import FIRST_CUSTOMER
from web_server import family, serving

if TYPE_CHECKING:
    from installation import Installation

PAUSE = (5.0, 10.0)  # seconds between two clicks
PATIENCE = 30.0  # seconds for one answer
CONNECTIONS = 2  # of each customer
PAGES, READS, VERIFICATIONS = "page", "API read", "API verification"


@dataclass(frozen=True)
class Customer:
    """One organisation with a person who is signed in and a program with a token."""

    cookie: str
    token: str
    tenant: str
    connections: tuple[str, ...]


@dataclass
class Seen:
    """What the customers were answered: how long each answer took in seconds, by what was asked and by status."""

    took: dict[str, list[float]] = field(default_factory=lambda: {PAGES: [], READS: [], VERIFICATIONS: []})
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """How many requests were answered at all."""
        return sum(self.statuses.values()) - self.statuses["no answer"]

    @property
    def shed(self) -> int:
        """How many were told to come again later."""
        return self.statuses["429"] + self.statuses["503"]

    def p95(self, kind: str) -> float:
        """The 95th percentile in milliseconds; of answers that were not told to come again."""
        took = sorted(self.took[kind])
        return took[int(len(took) * 0.95)] * 1000 if took else 0.0


def make_customers(place: "Installation", count: int) -> list[Customer]:
    """So many organisations with deployed roles, and somebody signed in in each."""
    from django.conf import settings
    from django.test import Client

    logging.getLogger("portal.sign_in_log").setLevel(logging.WARNING)  # a line for each of them buries the figures
    customers = []
    for number in range(count):
        tenant, owner, token = place.tenant(number)
        client = Client()
        client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
        connections = tuple(
            str(place.connection(tenant, str(FIRST_CUSTOMER + number * 10 + n), f"Account {n}").pk)
            for n in range(CONNECTIONS)
        )
        cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
        customers.append(Customer(cookie, token, str(tenant.pk), connections))
    return customers


@contextmanager
def web_as_in_production(place: "Installation") -> Iterator[str]:
    """The web server of two processes of eight threads, which knows no sandbox: with one, the page of a connection
    would ask it for the customer's stack. STS alone is where the installation says. Gives its address.
    """
    sandbox = os.environ.pop("AWS_ENDPOINT_URL")
    os.environ["AWS_ENDPOINT_URL_STS"] = sandbox
    try:
        with serving("gunicorn", place.directory / "logs" / "gunicorn.log") as (process, port):
            place.web_processes = family(process)
            yield f"http://127.0.0.1:{port}"
    finally:
        os.environ["AWS_ENDPOINT_URL"] = os.environ.pop("AWS_ENDPOINT_URL_STS")


async def play(web: str, customers: list[Customer], times: int, seconds: float, seen: Seen) -> None:
    """Let each customer click for so long; with `times`, so many people of each at once."""
    until = time.monotonic() + seconds
    await asyncio.gather(*(_clicks(web, customer, until, seen) for customer in customers for _ in range(times)))


async def _clicks(web: str, customer: Customer, until: float, seen: Seen) -> None:
    await asyncio.sleep(random.uniform(0, min(PAUSE[1], max(until - time.monotonic(), 0))))
    while time.monotonic() < until:
        await _click(web, customer, seen)
        await asyncio.sleep(random.uniform(*PAUSE))


async def _click(web: str, customer: Customer, seen: Seen) -> None:
    connection, kind = random.choice(customer.connections), random.choices((PAGES, READS, VERIFICATIONS), (7, 2, 1))[0]
    own = f"/tenants/{customer.tenant}"
    method, headers, body = "GET", f"Authorization: Bearer {customer.token}\r\n", b""
    if kind == PAGES:
        headers = f"Cookie: {customer.cookie}\r\n"
        pages = ("connections/", f"connections/{connection}/", f"connections/{connection}/findings/", "audit/")
        address = f"{own}/{random.choice(pages)}"
    elif kind == READS:
        address = random.choice(("/api/v1/connections/", f"/api/v1/connections/{connection}/verifications/"))
    else:
        method, address, body = "POST", f"/api/v1/connections/{connection}/verifications/", json.dumps({}).encode()
        headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    started = time.perf_counter()
    try:
        status, answered = await asyncio.wait_for(ask(web, method, address, headers, body), PATIENCE)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        seen.statuses["no answer"] += 1
        seen.faults.append(f"{method} {address}: {type(error).__name__} after {time.perf_counter() - started:.1f} s")
        return
    seen.statuses[str(status)] += 1
    if status in {429, 503}:
        if "retry-after" not in answered:
            seen.faults.append(f"{method} {address}: {status} without Retry-After")
        return
    seen.took[kind].append(time.perf_counter() - started)
    if status >= 400:
        seen.faults.append(f"{method} {address}: {status}")


async def ask(web: str, method: str, address: str, headers: str = "", body: bytes = b"") -> tuple[int, set[str]]:
    """One request over a connection of its own: the status, and the names of the answer's headers."""
    place = urlsplit(web)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        head = f"{method} {address} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n"
        writer.write(f"{head}X-Request-Start: t={time.time():.3f}\r\n{headers}\r\n".encode() + body)
        await writer.drain()
        answer = await reader.read(-1)
    finally:
        writer.close()
    if not answer:
        raise ConnectionResetError("nothing was answered")
    lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return int(lines[0].split()[1]), {line.partition(":")[0].lower() for line in lines[1:]}
