"""What is counted of verifications for Prometheus. docs/reference/metrics.md names every series."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from integrations.aws.report import Actor, Finding
from integrations.models import Status, Verification
from integrations.problems import is_ours, problems_among

VERIFICATIONS = Counter(
    "rolebridge_verifications",
    "Verifications that ended, by how, by who must act, and why no verdict was reached",
    ["state", "who", "failure"],
)
ROLE_VERDICTS = Counter(
    "rolebridge_role_verdicts",
    "Verdicts on customer roles, by the status that the role has since, and whether it had another one before",
    ["status", "changed"],
)
BEAT = Gauge("rolebridge_beat_seen_timestamp_seconds", "When this worker last did what beat sends every 5 seconds")

# Ends without a verdict that nobody need act on: the customer or the vendor wanted it so.
_WANTED = {"out_of_use", "account_changed", "stopped_by_vendor"}
_BLAME = (Actor.VENDOR, Actor.CUSTOMER, Actor.CUSTOMER_ORGANISATION)
_CHANGED = {True: "true", False: "false"}

# From a series that begins with its first verdict Prometheus would not see that one.
for _status in Status:
    for _changed in _CHANGED.values():
        ROLE_VERDICTS.labels(_status, _changed)


def count_verdict(findings: Iterable[Finding]) -> None:
    """A verification reached its verdict; who must act is the first of vendor, customer, customer's organisation."""
    VERIFICATIONS.labels(Verification.State.COMPLETED, _first(findings), "").inc()


def count_failure(failure: str, findings: Iterable[Finding] = ()) -> None:
    """A verification ended without a verdict. Where it came to none by itself (`no_verdict`), the findings say who must
    act, as its page does: the vendor where it is the vendor's alone, else the first of customer, customer's
    organisation, nobody.
    """
    who = Actor.NOBODY if failure in _WANTED else Actor.VENDOR
    if failure == "no_verdict":
        problems = problems_among(findings)
        if not is_ours(problems):
            who = _first(problem for problem in problems if problem.who is not Actor.VENDOR)
    VERIFICATIONS.labels(Verification.State.FAILED, who, failure).inc()


def count_role_verdict(status: str, *, changed: bool) -> None:
    """A verdict was reached on a customer role: the status that it has since, and whether it had another one before."""
    ROLE_VERDICTS.labels(status, _CHANGED[changed]).inc()


def _first(findings: Iterable[Finding]) -> Actor:
    named = {finding.who for finding in findings}
    return next((actor for actor in _BLAME if actor in named), Actor.NOBODY)
