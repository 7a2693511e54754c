"""What a verification's run finds: where it lands, and how it is stored, in the scope of its claim."""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from django.db.models import CharField

from integrations.actions import emergency_stop
from integrations.actions.sessions import keep_receipts, write_receipts
from integrations.actions.verification_claims import Claim, LeaseLost, Stopped
from integrations.actions.verifications import State, new_lease
from integrations.aws import report as aws_report
from integrations.models import CustomerRole, Finding, Verification
from tenants.scope import let_go, tenant_scope

Landed = aws_report.Finding | aws_report.SessionReceipt


class Landing:
    """Where what a run's threads find lands, until it is stored. Once the run is given up its findings count no more,
    and the receipt of each session that a thread still opens is kept at once: it was opened all the same.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        # None says that a role's run has ended.
        self._queue: queue.SimpleQueue[Landed | None] = queue.SimpleQueue()
        self._given_up = False
        self._lock = threading.Lock()

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return self._queue.empty()

    def put(self, one: Landed | None) -> None:
        """Land it; called by any thread."""
        with self._lock:
            if not self._given_up:
                self._queue.put(one)
                return
        if isinstance(one, aws_report.SessionReceipt):
            keep_receipts(self._claim, [one])
            let_go()  # the engine's threads hold no connection else

    def take(self, seconds: float) -> list[Landed]:
        """What lands within so many seconds, or until a role's run has ended: one write for all that came together."""
        news, until = [], time.monotonic() + seconds
        with suppress(queue.Empty):
            while one := self._queue.get(timeout=max(until - time.monotonic(), 0)):
                news.append(one)
        return news

    def give_up(self, taken: Iterable[Landed] = ()) -> None:
        """Keep the receipts that have landed, among what was `taken` too, and from now on each as it lands."""
        with self._lock:
            self._given_up = True
        left: list[object] = list(taken)
        with suppress(queue.Empty):
            while True:
                left.append(self._queue.get_nowait())
        keep_receipts(self._claim, left)


def store_landed(claim: Claim, news: list[Landed]) -> set[str]:
    """Store what has landed and renew the lease; gives the components that the customer took out of use meanwhile.

    Raises:
        LeaseLost: the verification is no longer ours. Its sessions were opened all the same: their receipts are kept.
        Stopped: the vendor's emergency stop is on.
    """
    with tenant_scope(claim.tenant_id):
        write_receipts(claim, news)
        ours = Verification.objects.filter(pk=claim.verification_id, attempt=claim.attempt, state=State.RUNNING).update(
            lease_expires_at=new_lease()
        )
        if ours:
            write_findings(claim, readable_findings(claim, news))
        roles = CustomerRole.objects.filter(connection_id=claim.connection_id).annotate(stopped=emergency_stop.is_on())
        found = list(roles.values_list("component", "status", "stopped")) if ours else []
    if not ours:
        raise LeaseLost
    if emergency_stop.obey(any(stopped for _, _, stopped in found)):
        raise Stopped
    statuses = {component: status for component, status, _ in found}
    return {job.component for job in claim.jobs if not job.is_wanted(statuses.get(job.component))}


def readable_findings(claim: Claim, landed: Iterable[Landed]) -> Iterator[aws_report.Finding]:
    """The findings among what has landed that the tenant may read already."""
    findings = (one for one in landed if isinstance(one, aws_report.Finding))
    return (finding for finding in findings if finding.component not in claim.withheld)


def write_findings(claim: Claim, findings: Iterable[aws_report.Finding]) -> None:
    """Store the findings; the tenant's scope is open.

    Some of their words are the customer's, or AWS's about what the customer made, of any length. What a column cannot
    take is shortened: a finding that could not be stored would leave the role with the status it had before.
    """
    Finding.objects.bulk_create(
        Finding(
            tenant_id=claim.tenant_id,
            verification_id=claim.verification_id,
            component=finding.component,
            check_code=finding.check,
            action=_shortened("action", finding.action),
            region=finding.region,
            outcome=finding.outcome,
            cause=finding.cause,
            who=finding.who,
            title=_shortened("title", finding.title),
            detail=finding.detail,
            fix=finding.fix,
            duration_ms=finding.duration_ms,
            request_id=_shortened("request_id", finding.request_id),
        )
        for finding in findings
    )


_COLUMN_LENGTHS = {field.name: field.max_length for field in Finding._meta.fields if isinstance(field, CharField)}


def _shortened(field: str, text: str) -> str:
    most = _COLUMN_LENGTHS[field] or 0
    return text if len(text) <= most else text[: most - 1] + "…"
