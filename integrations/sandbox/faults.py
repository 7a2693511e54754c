"""Faults on demand: latency, throttling, 5xx, garbage, time-outs and dropped connections."""

import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from integrations.sandbox.errors import AwsError
from integrations.sandbox.wire import HttpResponse

KINDS = ("latency", "throttle", "error", "garbage", "timeout", "drop")
GARBAGE = b"]]>{\x00\xff\xfe<html><title>Welcome to the Wi-Fi of this hotel"
LONGEST_SECONDS = 120.0
"""No fault holds a connection longer, so that the sandbox never hangs."""


@dataclass
class Fault:
    """One rule. None means "any"; `count` is how often it may still strike, `share` how likely it does each time.

    `account` is the caller's. `target` is the account that is spoken to: that of the role which AssumeRole names, the
    caller's own with every other call.
    """

    kind: str
    service: str | None = None
    operation: str | None = None
    account: str | None = None
    target: str | None = None
    region: str | None = None
    count: int | None = None
    share: float = 1.0
    seconds: float = 0.0
    status: int = 503
    code: str | None = None
    message: str | None = None


def read_fault(value: Any) -> Fault:
    """Read a fault from the JSON of `POST /_sandbox/faults`. Raises ValueError with what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("a fault is an object")  # noqa: TRY004 - one error type for all bad input from outside
    unknown = set(value) - set(Fault.__dataclass_fields__)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    if value.get("kind") not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    for name in ("service", "operation", "account", "target", "region", "code", "message"):
        if value.get(name) is not None and not isinstance(value[name], str):
            raise ValueError(f"{name} is a text")
    for name in ("count", "share", "seconds", "status"):
        number = value.get(name, 0)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float) or number < 0):
            raise ValueError(f"{name} is a number, zero or more")
    if not 0 <= value.get("seconds", 0) <= LONGEST_SECONDS:
        raise ValueError(f"seconds is at most {LONGEST_SECONDS:.0f}")
    return Fault(**value)


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force beside the others."""
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._rules.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Give the rules for people."""
        with self._lock:
            return [dict(vars(rule)) for rule in self._rules]

    def strike(
        self, service: str, operation: str, account: str, *, region: str, target: str = ""
    ) -> HttpResponse | None:
        """Apply the rules to one call. Sleeps, raises AwsError, gives a dropped answer, or None to go on."""
        if not self._rules:
            return None
        for rule in self._due(service, operation, account, region, target or account):
            if rule.kind == "latency":
                time.sleep(rule.seconds)
            elif rule.kind == "throttle":
                default = (
                    "RequestLimitExceeded" if service == "ec2" else "SlowDown" if service == "s3" else "Throttling"
                )
                raise AwsError(rule.code or default, "Rate exceeded", 503 if service in {"ec2", "s3"} else 400)
            elif rule.kind == "error":
                text = rule.message or "The request processing has failed."
                raise AwsError(rule.code or "InternalFailure", text, rule.status)
            elif rule.kind == "garbage":
                return HttpResponse(200, GARBAGE, [("Content-Type", "text/html")])
            else:
                if rule.kind == "timeout":
                    time.sleep(rule.seconds or LONGEST_SECONDS)
                return HttpResponse(0, dropped=True)
        return None

    def _due(self, service: str, operation: str, account: str, region: str, target: str) -> list[Fault]:
        due = []
        with self._lock:
            for rule in self._rules:
                if rule.service not in {None, service} or rule.operation not in {None, operation}:
                    continue
                if rule.account not in {None, account} or rule.count == 0:
                    continue
                if rule.region not in {None, region} or rule.target not in {None, target}:
                    continue
                if rule.share < 1.0 and random.random() >= rule.share:  # noqa: S311 - a share of calls, not a secret
                    continue
                if rule.count is not None:
                    rule.count -= 1
                due.append(rule)
            self._rules = [rule for rule in self._rules if rule.count != 0]
        return due
