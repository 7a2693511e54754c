"""Receivers of webhooks that misbehave for a while, and whether each was told all that its tenant must be told."""

import base64
import hashlib
import hmac
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from installation import COMPONENT

from tests.web_servers import Asked, answering

# What a receiver does with a call. Dealt like cards: each comes once before any comes again.
TAKES = "takes it"
MOODS = [*[TAKES] * 8, "answers 500", "asks to wait", "hangs up", "breaks off", "is too slow"]
TOO_SLOW_SECONDS = 12  # a call is given ten
STATUS_CHANGED = "connection.status_changed"
TOLD_AT_ONCE = {"connected", "unsafe"}  # statuses that people are told of as soon as they are found


@dataclass(frozen=True)
class Call:
    """One call as it arrived. `is_taken` says that it was answered as it should be."""

    tenant: str
    event_id: str
    digest: str
    body: bytes
    is_signed: bool
    is_taken: bool


@dataclass
class Receivers:
    """One receiver for each tenant, at a path of its own. They behave once `calm` is set."""

    dice: random.Random
    secrets: dict[str, str] = field(default_factory=dict)  # by tenant
    calls: list[Call] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    calm: threading.Event = field(default_factory=threading.Event)
    _moods: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        """Keep the call, and take it or misbehave; for `tests.web_servers.web_server`."""
        tenant = asked.path.removeprefix("/")
        with self._lock:
            mood = TAKES if self.calm.is_set() else self._mood()
            self.done[mood] += 1
            self.calls.append(
                Call(
                    tenant,
                    asked.headers.get("webhook-id", ""),
                    hashlib.sha256(asked.body).hexdigest(),
                    asked.body,
                    is_signed(asked, self.secrets.get(tenant, "")),
                    is_taken=mood == TAKES,
                )
            )
        if mood == "hangs up":
            return
        if mood == "breaks off":
            handler.wfile.write(b"HTTP/1.1 20")
            return
        if mood == "is too slow":
            time.sleep(TOO_SLOW_SECONDS)
        if mood == "answers 500":
            answering(500)(asked, handler)
        elif mood == "asks to wait":
            answering(503, headers={"Retry-After": "2"})(asked, handler)
        else:
            answering(204)(asked, handler)

    def _mood(self) -> str:
        if not self._moods:
            self._moods = self.dice.sample(MOODS, len(MOODS))
        return self._moods.pop()

    def last_status(self, connection: str) -> str:
        """The status of a connection's role that arrived last, whether the call was taken or not."""
        arrived = {call.event_id: call for call in list(self.calls) if STATUS_CHANGED.encode() in call.body}
        _, statuses = _what_was_told(list(arrived.values()))
        told = statuses[f"{connection} {COMPONENT}"]
        return told[-1][1] if told else ""


def is_signed(asked: Asked, secret: str) -> bool:
    """Whether the call is signed with this tenant's secret, now (docs/reference/webhooks.md)."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
        given = asked.headers["webhook-signature"].split(" ")
        is_fresh = abs(time.time() - int(asked.headers["webhook-timestamp"])) < 300
    except (KeyError, ValueError):
        return False
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return bool(secret) and is_fresh and any(hmac.compare_digest(expected, signature) for signature in given)


def wrong_webhooks(
    receivers: Receivers, rows: Callable[[str], list[tuple[Any, ...]]], last_audit_event: int
) -> list[str]:
    """What the receivers were not told as they must be, once all is calm.

    Args:
        receivers: that were told.
        rows: what a query gives, as a role that sees every tenant.
        last_audit_event: the last one before the endpoints were made; of those after it they are told.
    """
    # First what must be told, then what was: what comes about meanwhile is told too much, never too little.
    must, statuses = _what_must_be_told(rows, last_audit_event), _statuses_that_must_be_told(rows)
    deliveries = rows(
        "SELECT e.id::text, e.tenant_id::text, e.body, d.state, d.tries"
        " FROM tenants_webhookevent e LEFT JOIN tenants_webhookdelivery d ON d.event_id = e.id"
    )
    calls = list(receivers.calls)
    trouble = [f"a call to {call.tenant} was not signed for it" for call in calls if not call.is_signed]
    copies: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for call in calls:
        copies[call.event_id].add((call.tenant, call.digest))
    taken = {call.event_id: call for call in calls if call.is_taken}
    known = set()
    for event_id, tenant, body, state, tries in deliveries:
        known.add(event_id)
        if state != "delivered":
            trouble.append(f"webhook {event_id} is stuck: {state} after {tries} attempts")
        elif event_id not in taken:
            trouble.append(f"webhook {event_id} is said to be delivered, and nobody took it")
        if others := copies[event_id] - {(tenant, hashlib.sha256(body.encode()).hexdigest())}:
            trouble.append(f"webhook {event_id} came with another body or to another tenant: {others}")
    trouble += [f"webhook {event_id!r} is of no event" for event_id in copies if event_id not in known]
    told, told_statuses = _what_was_told(list(taken.values()))
    for what, count in (must - told).items():
        trouble.append(f"webhooks did not tell, {count} times: {what}")
    for what, count in (told - must).items():
        trouble.append(f"webhooks told with more than one id, or of what did not happen, {count} times: {what}")
    for role in statuses.keys() | told_statuses.keys():
        if statuses[role] != told_statuses[role]:
            trouble.append(f"webhooks told of {role} {told_statuses[role]} instead of {statuses[role]}")
    if not any(after == "unsafe" for changes in statuses.values() for _, after in changes):
        trouble.append("no customer role was ever found open, so nothing was told of it")
    return trouble


def in_words(receivers: Receivers) -> str:
    """What was told, and how the receivers behaved."""
    types = Counter(
        str(json.loads(body)["type"]) for body in {call.event_id: call.body for call in receivers.calls}.values()
    )
    return (
        f"{len(receivers.calls)} webhooks called of {types.total()} events ("
        + ", ".join(f"{name} {count}" for name, count in sorted(types.items()))
        + "); the receiver "
        + ", ".join(f"{name} {count}" for name, count in sorted(receivers.done.items()))
    )


Telling = tuple[str, str, str, str]  # tenant, type, target and details


def _what_must_be_told(rows: Callable[[str], list[tuple[Any, ...]]], last_audit_event: int) -> Counter[Telling]:
    """All that the audit log says, but for what webhooks never tell of."""
    from tenants.audit_actions import AuditAction
    from tenants.webhook_event_types import event_type_of

    must: Counter[Telling] = Counter()
    for tenant, action, target, data in rows(
        "SELECT tenant_id::text, action, target_id, data FROM tenants_auditevent"
        f" WHERE tenant_id IS NOT NULL AND id > {last_audit_event}"
    ):
        if event_type := event_type_of(AuditAction(action.partition(":")[2])):
            must[tenant, event_type.value, target, json.dumps(data, sort_keys=True)] += 1
    return must


def _statuses_that_must_be_told(rows: Callable[[str], list[tuple[Any, ...]]]) -> dict[str, list[tuple[str, str]]]:
    """By customer role, each status that verifications gave it and that is told at once, after the one told before. The
    others are told once they are confirmed, and nothing here may bring them about.
    """
    must: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for role, after in rows(
        "SELECT connection_id || ' ' || component, after FROM integrations_statuschange"
        " WHERE cause = 'verification' ORDER BY at, id"
    ):
        before = must[role][-1][1] if must[role] else ""
        if after in TOLD_AT_ONCE and after != before:
            must[role].append((before, after))
    return must


def _what_was_told(taken: list[Call]) -> tuple[Counter[Telling], dict[str, list[tuple[str, str]]]]:
    """What the receivers took, each id once: as the audit log says it, and the statuses by customer role."""
    told: Counter[Telling] = Counter()
    statuses: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for body in sorted((json.loads(call.body) for call in taken), key=lambda body: str(body["timestamp"])):
        data = body["data"]
        if body["type"] == STATUS_CHANGED:
            for role in data["details"]["roles"]:
                statuses[f"{data['target']['id']} {role['component']}"].append((role["before"], role["after"]))
        else:
            details = json.dumps(data["details"], sort_keys=True)
            told[data["tenant_id"], body["type"], data["target"]["id"], details] += 1
    return told, statuses
