"""Running a verification, in a worker: claim it, look at each of its roles, store what lands, turn it into statuses.

No transaction is open while AWS is called: AWS runs in threads of its own, and this thread writes what they find.
How a claim is held, and what happens when it is lost, is in `verifications`.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Count, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from integrations.actions import emergency_stop, role_statuses, vendor_identity
from integrations.actions.external_id_rotations import follow_rotation, was_refused
from integrations.actions.role_jobs import Report, RoleJob, Task
from integrations.actions.sessions import keep_receipts, write_receipts
from integrations.actions.targets import verification_target
from integrations.actions.vendor_sessions import keep_vendor_sessions
from integrations.actions.verifications import (
    MOST_ATTEMPTS,
    MOST_RUNNING_PER_TENANT,
    Checks,
    NotReady,
    State,
    end_without_verdict,
    find_or_create,
    new_lease,
    plan_next,
    request_verification,
    roles_to_look_at,
    running,
    send_again,
    send_next,
)
from integrations.aws import report as aws_report
from integrations.aws.report import VerificationTarget
from integrations.catalogue_file import catalogue
from integrations.in_hand import in_hand
from integrations.metrics import count_failure, count_verdict
from integrations.models import Connection, CustomerRole, Finding, Status, Verification
from integrations.vendor import vendor_settings
from integrations.worker_stop import grace_is_over, is_stopping
from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import DATABASE_AWAY, let_go, tenant_scope

logger = logging.getLogger(__name__)

# How soon a run sees that it is to stop: paused or removed by the customer, or stopped by the vendor.
LOOK_EVERY_SECONDS = 1.0

STORED_EVERY_SECONDS = 0.25  # often enough for whoever watches
Landed = aws_report.Finding | aws_report.SessionReceipt


class LeaseLost(Exception):
    """Another worker has taken this verification over: whatever is still found here does not count."""


class OutOfUse(Exception):
    """The customer paused or removed what is being verified: no more sessions are opened in it."""


class Stopped(Exception):
    """The vendor's emergency stop is on: no more sessions are opened."""


class HandedBack(Exception):
    """This worker stops before the run has ended: another one begins it anew."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a verification. Where another tenant proved the account, the findings of `withheld` components
    and the receipts of sessions in their roles are kept back to its end: of a role that stands open there, the claimant
    is not to read any (F11). A role that worked for the claimant before is its own.
    """

    tenant_id: UUID
    connection_id: UUID
    verification_id: UUID
    attempt: int
    checks: str
    jobs: tuple[RoleJob, ...]
    withheld: frozenset[str]

    @property
    def targets(self) -> dict[str, VerificationTarget]:
        """What each role was verified as, by component."""
        return {job.component: job.target for job in self.jobs}


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


def verify_now(*, connection: Connection, by: Actor) -> Verification:
    """Run a verification in this process, without the queue. No scope may be open: AWS is called.

    Raises:
        NotReady: no AWS account or no component is chosen yet.
    """
    with tenant_scope(connection.tenant_id):
        verification, _ = find_or_create(connection, by)
    run(tenant_id=connection.tenant_id, verification_id=verification.pk)
    with tenant_scope(connection.tenant_id):
        return Verification.objects.get(tenant_id=connection.tenant_id, pk=verification.pk)


def run(*, tenant_id: UUID, verification_id: UUID) -> None:
    """Run one verification to its end, if it is still to be run; otherwise do nothing.

    Every finding is stored as it lands. An error of ours ends the run as `failed`, never as a verdict; where the
    database is away the run is not ended at all, and begins anew when its lease has run out.
    """
    try:
        claim = _claim(tenant_id, verification_id)
    except Stopped:
        end_without_verdict(tenant_id, verification_id, State.FAILED, failure="stopped_by_vendor")
        return
    if claim is None:
        return
    with in_hand(tenant_id=tenant_id, connection_id=claim.connection_id, verification_id=verification_id):
        _run(claim)


def _run(claim: Claim) -> None:
    tenant_id, verification_id = claim.tenant_id, claim.verification_id
    logger.info("Attempt %d begins", claim.attempt)
    try:
        reports, last = _verify(claim)
        _complete(claim, reports, last)
        logger.info("Attempt %d ended", claim.attempt)
    except LeaseLost:
        logger.warning("Verification %s was taken over by another worker", verification_id)
    except HandedBack:
        _hand_back(claim)
        keep_vendor_sessions(vendor_settings())  # this process ends, and nothing keeps them after it
        return
    except DATABASE_AWAY:
        # No verdict is to be read from it. Whether the last transaction was kept nobody knows: if it was not, the lease
        # runs out, and another worker begins it anew.
        logger.warning("Verification %s is left to its lease: the database is away", verification_id, exc_info=True)
        return
    except Stopped:
        end_without_verdict(
            tenant_id, verification_id, State.FAILED, failure="stopped_by_vendor", attempt=claim.attempt
        )
    except OutOfUse:
        end_without_verdict(tenant_id, verification_id, State.FAILED, failure="out_of_use", attempt=claim.attempt)
    except Exception:
        logger.exception("Verification %s failed", verification_id)
        end_without_verdict(tenant_id, verification_id, State.FAILED, failure="internal_error", attempt=claim.attempt)
    keep_vendor_sessions(vendor_settings())
    send_next(tenant_id)


def _claim(tenant_id: UUID, verification_id: UUID) -> Claim | None:
    """Hold the verification for this worker, unless another one does or the tenant has its share of runs already.

    Raises:
        Stopped: the vendor's emergency stop is on.
    """
    if is_stopping():
        return None  # its message comes to another worker, by `hand_back` at the latest
    with tenant_scope(tenant_id):
        # One claim of a tenant at a time, or two could both see the last free place. Not a full lock: what refers to
        # the tenant may be written meanwhile, or a claim and a run under way would wait for each other.
        list(Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).values_list("pk"))
        busy = running(tenant_id).order_by().values("tenant_id").annotate(count=Count("pk")).values("count")
        try:
            verification = (
                Verification.objects.select_for_update(of=["self"], no_key=True)
                .select_related("connection__tenant")
                .annotate(now=Now(), stopped=emergency_stop.is_on(), busy=Coalesce(Subquery(busy), 0))
                .get(tenant_id=tenant_id, pk=verification_id)
            )
        except Verification.DoesNotExist:
            return None
        if not verification.is_active or verification.busy >= MOST_RUNNING_PER_TENANT:
            return None
        if emergency_stop.obey(verification.stopped):
            raise Stopped
        lease = verification.lease_expires_at
        held = verification.state == State.RUNNING and lease is not None and lease > verification.now
        if held or verification.attempt >= MOST_ATTEMPTS:
            return None
        if verification.attempt:
            verification.findings.all().delete()  # of an attempt that was lost
        verification.state = State.RUNNING
        verification.attempt += 1
        verification.catalogue_version = catalogue().version
        verification.started_at = Now()
        verification.lease_expires_at = new_lease()
        verification.save(update_fields=["state", "attempt", "catalogue_version", "started_at", "lease_expires_at"])
        connection = verification.connection
        prefetch_related_objects([connection], "roles", "external_id_rotations")
        roles = roles_to_look_at(connection, verification.checks)
        return Claim(
            tenant_id,
            connection.pk,
            verification_id,
            verification.attempt,
            verification.checks,
            jobs=tuple(
                RoleJob(_task(role, verification.checks), verification_target(connection, role), verification.scheduled)
                for role in roles
            ),
            withheld=frozenset(role.component for role in roles if role.worked_at is None)
            if role_statuses.is_proved_by_another(connection)
            else frozenset(),
        )


def _task(role: CustomerRole, checks: str) -> Task:
    """What is to be done to a role. While it is quarantined, only the trust-test runs."""
    if checks == Checks.REACHABILITY:
        return Task.CHECK_REACHABILITY
    if role.status == Status.REMOVING:
        return Task.PROVE_REMOVED
    if not role.quarantined:
        return Task.VERIFY
    lifts = role.clean_rounds + 1 >= role_statuses.ROUNDS_TO_LIFT_QUARANTINE
    return Task.TRUST_TEST_THEN_VERIFY if lifts else Task.TRUST_TEST


def _verify(claim: Claim) -> tuple[list[Report], list[Landed]]:
    """Verify all roles at once; this thread stores what lands and renews the lease, with no transaction in between.

    Gives the reports, and what landed last, which is still to be stored with the end of the verification.
    """
    landing = Landing(claim)
    stopped: set[str] = set()  # what the customer has taken out of use since the claim

    def land(finding: aws_report.Finding) -> None:
        if finding.component in stopped:
            raise OutOfUse  # ends the engine's run, in its own thread
        landing.put(finding)

    def store(news: list[Landed]) -> None:
        try:
            stopped.update(_store(claim, news))
        except Exception:  # whatever it is, the run is over and its receipts are kept
            stopped.update(job.component for job in claim.jobs)
            landing.give_up(news)
            raise

    look_every = min(LOOK_EVERY_SECONDS, settings.VERIFICATION_LEASE_SECONDS / 3)
    with _threads(len(claim.jobs)) as executor:
        # Each in a copy of this thread's context: what is held for the run, such as its catalogue, holds there too.
        futures = [executor.submit(copy_context().run, job.run, land, landing.put) for job in claim.jobs]
        for future in futures:
            future.add_done_callback(lambda _: landing.put(None))
        looked_at = timezone.now()
        last: list[Landed] = []
        is_over = False
        while not is_over or not landing.empty:
            let_go()  # or each run, however long its account hangs, would keep a connection from the others
            news = landing.take(0 if is_over else STORED_EVERY_SECONDS)
            is_over = all(future.done() for future in futures)
            if is_over:
                last += news
                continue
            if grace_is_over():
                stopped |= {job.component for job in claim.jobs}
                landing.give_up(news)
                raise HandedBack
            if news or (timezone.now() - looked_at).total_seconds() >= look_every:
                store(news)
                looked_at = timezone.now()
    reports = []
    try:
        for future in futures:
            with suppress(OutOfUse):
                reports.append(future.result())
    except Exception:
        with suppress(LeaseLost, Stopped):  # which would be told of instead
            store(last)  # there will be no end to store it with
        raise
    if stopped and not reports:
        store(last)
        raise OutOfUse
    return reports, last


@contextmanager
def _threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are not waited for when the run is given up: each ends by its own deadline."""
    executor = ThreadPoolExecutor(max(number, 1), thread_name_prefix="verify")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _store(claim: Claim, news: list[Landed]) -> set[str]:
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
            _write_findings(claim, _readable(claim, news))
        roles = CustomerRole.objects.filter(connection_id=claim.connection_id).annotate(stopped=emergency_stop.is_on())
        found = list(roles.values_list("component", "status", "stopped")) if ours else []
    if not ours:
        raise LeaseLost
    if emergency_stop.obey(any(stopped for _, _, stopped in found)):
        raise Stopped
    statuses = {component: status for component, status, _ in found}
    return {job.component for job in claim.jobs if not job.is_wanted(statuses.get(job.component))}


def _readable(claim: Claim, landed: Iterable[Landed]) -> Iterator[aws_report.Finding]:
    """The findings among what has landed that the tenant may read already."""
    findings = (one for one in landed if isinstance(one, aws_report.Finding))
    return (finding for finding in findings if finding.component not in claim.withheld)


def _write_findings(claim: Claim, findings: Iterable[aws_report.Finding]) -> None:
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


def _complete(claim: Claim, reports: list[Report], last: list[Landed]) -> None:
    """Store what landed last, turn the reports into statuses and end the verification, in one transaction. Whatever
    comes of it, the receipts are kept.

    The customer may have given another account meanwhile, or other names for its roles. What was found says nothing of
    those, and must not prove the account (F11).
    """
    try:
        vendor_identity.remember_roles(reports)
        with tenant_scope(claim.tenant_id):
            verification = _still_ours(claim)
            write_receipts(claim, last)
            _write_findings(claim, _readable(claim, last))
            _end(claim, verification, reports)
    except Exception as error:
        keep_receipts(claim, last)
        if not isinstance(error, (LeaseLost, *DATABASE_AWAY)):  # an error of ours: what was found is kept to be read
            with suppress(LeaseLost, Stopped):  # which would be told of instead
                _store(claim, [one for one in last if isinstance(one, aws_report.Finding)])
        raise


def _end(claim: Claim, verification: Verification, reports: list[Report]) -> None:
    """Turn the reports into statuses; the scope is open, and connection and verification are locked."""
    withheld = [report for report in reports if report.component in claim.withheld]
    readable = role_statuses.reports_for_a_claimant(withheld)
    if readable:
        _write_findings(claim, [finding for report in readable for finding in report.findings])
        role_statuses.withhold_receipts(verification, readable, withheld=False)
    if verification.checks != claim.checks:
        _queue_again(verification)
        return
    moved: frozenset[str] = frozenset()
    if any(_is_another_role(job, verification.connection) for job in claim.jobs):
        verification.failure = "account_changed"
    elif claim.checks == Checks.REACHABILITY:
        verification.failure = "" if role_statuses.reachable_roles(reports) else "no_verdict"
    else:
        moved = follow_rotation(verification=verification, targets=claim.targets, reports=reports)
        # Refused with the external ID that it has left behind, a role is judged by the next verification.
        judged = [report for report in reports if not (report.component in moved and was_refused(report))]
        unread = claim.withheld - {report.component for report in readable}
        verdict = role_statuses.apply_reports(verification=verification, reports=judged, unread=unread)
        verification.failure = "" if verdict or moved else _why_no_verdict(claim)
    verification.state = State.FAILED if verification.failure else State.COMPLETED
    if claim.checks == Checks.ALL:
        plan_next(verification.connection, failed=bool(verification.failure))
    verification.finished_at = Now()
    verification.save(update_fields=["state", "failure", "finished_at"])
    failure, findings = verification.failure, [finding for report in reports for finding in report.findings]
    transaction.on_commit(lambda: count_failure(failure) if failure else count_verdict(findings))
    audit.record(
        f"verification:{verification.state}",
        by=SYSTEM,
        tenant_id=claim.tenant_id,
        target=verification,
        connection=str(verification.connection_id),
    )
    differs = (
        claim.checks == Checks.REACHABILITY
        and not verification.failure
        and role_statuses.differ(verification=verification, reports=reports)
    )
    if differs or moved:
        with suppress(NotReady):
            request_verification(connection=verification.connection, by=SYSTEM)


def _is_another_role(job: RoleJob, connection: Connection) -> bool:
    """Whether the account or the role's name or path is another one by now than the job went to."""
    target, role = job.target, CustomerRole(connection=connection, component=job.component)
    went_to = (target.account_id, target.role_path, target.role_name)
    return went_to != (connection.account_id, connection.role_path, role.name)


def _why_no_verdict(claim: Claim) -> str:
    """Whether we came to none, or the customer has taken out of use meanwhile all that was looked at."""
    roles = CustomerRole.objects.filter(connection_id=claim.connection_id)
    statuses = dict(roles.values_list("component", "status"))
    wanted = any(job.is_wanted(statuses.get(job.component)) for job in claim.jobs)
    return "no_verdict" if wanted else "out_of_use"


def _hand_back(claim: Claim) -> None:
    """Queue the run again for another worker, unless another one has it already."""
    logger.info("Verification %s is handed back: this worker stops", claim.verification_id)
    with tenant_scope(claim.tenant_id), suppress(LeaseLost):
        _queue_again(_still_ours(claim))


def _queue_again(verification: Verification) -> None:
    """The same verification runs again: its worker stops, or more was asked for while reachability was checked."""
    verification.state, verification.lease_expires_at = State.QUEUED, None
    verification.save(update_fields=["state", "lease_expires_at"])
    # `run` sends the tenant's longest waiting one next, which need not be this.
    transaction.on_commit(lambda: send_again(verification))


def _still_ours(claim: Claim) -> Verification:
    """The verification, with its connection locked before it: whoever asks for one locks them in this order too."""
    try:
        connection = Connection.objects.select_for_update(no_key=True).get(pk=claim.connection_id)
        verification = Verification.objects.select_for_update(no_key=True).get(
            pk=claim.verification_id, attempt=claim.attempt, state=State.RUNNING
        )
    except (Connection.DoesNotExist, Verification.DoesNotExist) as gone:
        raise LeaseLost from gone
    verification.connection = connection
    return verification
