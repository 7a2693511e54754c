"""Verifications: asked for, run under a lease, handed back, ended once.

The database says who works on what. A worker claims a verification for `VERIFICATION_LEASE_SECONDS` and renews the
claim while it works; each claim has a number (`attempt`), and what an outdated claim still writes is refused. So a
worker can be killed at any point: its lease runs out, `hand_back` queues the verification again, and it ends once.

No transaction is open while AWS is called: AWS runs in threads of its own, and this thread writes what they find.
"""

import logging
import queue
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from integrations.actions import role_statuses
from integrations.actions.role_jobs import Report, RoleJob, Task
from integrations.actions.sessions import keep_receipts
from integrations.aws import report as aws_report
from integrations.aws.report import VerificationTarget
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Finding, Status, Verification
from integrations.next_verification import next_verification
from integrations.role_templates.names import role_name
from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import call, tenant_scope

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
# One tenant's slow or hanging accounts hold this many of the workers' threads at the most; the rest of its
# verifications stay queued, and other tenants' go on.
MOST_RUNNING_PER_TENANT = 4
QUEUED_AGAIN_AFTER = timedelta(seconds=30)  # its message may be lost with the broker's memory
GIVEN_UP_AFTER = timedelta(minutes=10)
SENT_TASK_EXPIRES_SECONDS = 600

State = Verification.State


class NotReady(ValueError):
    """The connection cannot be verified yet; the message says what is missing."""


class LeaseLost(Exception):
    """Another worker has taken this verification over: whatever is still found here does not count."""


class OutOfUse(Exception):
    """The customer paused or removed what is being verified: no more sessions are opened in it."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a verification."""

    tenant_id: UUID
    connection_id: UUID
    verification_id: UUID
    attempt: int
    jobs: tuple[RoleJob, ...]


@transaction.atomic
def request_verification(*, connection: Connection, by: Actor) -> Verification:
    """Ask for a verification of a connection, whose tenant's scope is open. While one is queued or running that one is
    the answer, so that pressing twice gives one run.

    If the queue is away when the transaction commits, the verification ends as `failed` (`queue_unavailable`).

    Raises:
        NotReady: no AWS account or no component is chosen yet.
    """
    verification, is_new = _find_or_create(connection, by)
    if is_new:
        tenant_id, verification_id = connection.tenant_id, verification.pk
        transaction.on_commit(lambda: _send_or_fail(tenant_id, verification_id))
    return verification


def verify_now(*, connection: Connection, by: Actor) -> Verification:
    """Run a verification in this process, without the queue. No scope may be open: AWS is called.

    Raises:
        NotReady: no AWS account or no component is chosen yet.
    """
    with tenant_scope(connection.tenant_id):
        verification, _ = _find_or_create(connection, by)
    run(tenant_id=connection.tenant_id, verification_id=verification.pk)
    with tenant_scope(connection.tenant_id):
        return Verification.objects.get(tenant_id=connection.tenant_id, pk=verification.pk)


def _find_or_create(connection: Connection, by: Actor) -> tuple[Verification, bool]:
    connection = Connection.objects.select_for_update().get(tenant_id=connection.tenant_id, pk=connection.pk)
    if not connection.account_id:
        raise NotReady("Give the 12-digit id of your AWS account first, then verify.")
    statuses = {role.status for role in connection.roles.all()}
    if not statuses:
        raise NotReady("Choose at least one component first, then verify.")
    if statuses <= {Status.PAUSED}:
        raise NotReady("This connection is paused. Resume it first, then verify.")
    if statuses <= {Status.PAUSED, Status.REMOVED}:
        raise NotReady("This connection is removed: AWS refuses us there, and there is nothing left to verify.")
    if not _roles_to_look_at(connection):
        raise NotReady("We offer the components of this connection no more. Choose others first, then verify.")
    active = connection.verifications.filter(state__in=[State.QUEUED, State.RUNNING]).first()
    if by.is_customer:
        connection.asked_at = timezone.now()
        connection.save(update_fields=["asked_at"])
    if active is not None:
        return active, False
    verification = Verification.objects.create(
        tenant_id=connection.tenant_id,
        connection=connection,
        requested_by=by.name,
        catalogue_version=catalogue().version,
    )
    audit.record(
        "verification:requested",
        by=by,
        tenant_id=connection.tenant_id,
        target=verification,
        connection=str(connection.pk),
    )
    return verification, True


def run(*, tenant_id: UUID, verification_id: UUID) -> None:
    """Run one verification to its end, if it is still to be run; otherwise do nothing.

    Every finding is stored as it lands. An error of ours ends the run as `failed`, never as a verdict.
    """
    claim = _claim(tenant_id, verification_id)
    if claim is None:
        return
    try:
        reports = _verify(claim)
        _complete(claim, reports)
    except LeaseLost:
        logger.warning("Verification %s was taken over by another worker", verification_id)
    except OutOfUse:
        _end(tenant_id, verification_id, State.FAILED, failure="out_of_use", attempt=claim.attempt)
    except Exception:
        logger.exception("Verification %s failed", verification_id)
        _end(tenant_id, verification_id, State.FAILED, failure="internal_error", attempt=claim.attempt)
    _send_next(tenant_id)


def hand_back() -> None:
    """Queue again each verification whose worker was lost or whose message was; end what was tried or waited enough."""
    for tenant_id, verification_id in call("expired_verifications"):
        with tenant_scope(tenant_id):
            attempt = Verification.objects.values_list("attempt", flat=True).get(pk=verification_id)
        if attempt >= MOST_ATTEMPTS:
            _end(tenant_id, verification_id, State.FAILED, failure="worker_lost", attempt=attempt)
        else:
            _send_again(tenant_id, verification_id)
    for tenant_id in {tenant_id for tenant_id, _ in call("waiting_verifications", timezone.now() - QUEUED_AGAIN_AFTER)}:
        _hand_back_waiting(tenant_id)


def _hand_back_waiting(tenant_id: UUID) -> None:
    with tenant_scope(tenant_id):
        running = _running(tenant_id)
        waiting = list(
            Verification.objects.filter(tenant_id=tenant_id, state=State.QUEUED)
            .order_by("requested_at")
            .values_list("pk", "requested_at")[:MOST_RUNNING_PER_TENANT]
        )
    given_up_before = timezone.now() - GIVEN_UP_AFTER
    for verification_id, requested_at in waiting[: MOST_RUNNING_PER_TENANT - running]:
        # While others of the tenant run, this one waits for its turn and not for a worker.
        if requested_at < given_up_before and not running:
            _end(tenant_id, verification_id, State.FAILED, failure="never_started")
        else:
            _send_again(tenant_id, verification_id)


def _send(tenant_id: UUID, verification_id: UUID) -> None:
    current_app.send_task(
        "integrations.tasks.run_verification",
        args=[str(tenant_id), str(verification_id)],
        expires=SENT_TASK_EXPIRES_SECONDS,
    )


def _send_again(tenant_id: UUID, verification_id: UUID) -> None:
    """Send what is known to wait. With the queue away nothing is lost: `hand_back` comes again."""
    with suppress(OperationalError, OSError):
        _send(tenant_id, verification_id)


def _send_or_fail(tenant_id: UUID, verification_id: UUID) -> None:
    try:
        _send(tenant_id, verification_id)
    except (OperationalError, OSError):
        logger.exception("Verification %s could not be queued", verification_id)
        _end(tenant_id, verification_id, State.FAILED, failure="queue_unavailable")


def _lease() -> CombinedExpression:
    """The database's clock decides when a lease ends, since workers' clocks differ."""
    return Now() + timedelta(seconds=settings.VERIFICATION_LEASE_SECONDS)


def _claim(tenant_id: UUID, verification_id: UUID) -> Claim | None:
    """Hold the verification for this worker, unless another one does or the tenant has its share of runs already."""
    with tenant_scope(tenant_id):
        # One claim of a tenant at a time, or two could both see the last free place. Not a full lock: what refers to
        # the tenant may be written meanwhile, or a claim and a run under way would wait for each other.
        Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
        if _running(tenant_id) >= MOST_RUNNING_PER_TENANT:
            return None
        verification = (
            Verification.objects.select_for_update(of=["self"])
            .select_related("connection__tenant")
            .annotate(now=Now())
            .filter(tenant_id=tenant_id, pk=verification_id)
            .first()
        )
        if verification is None or not verification.is_active:
            return None
        lease = verification.lease_expires_at
        held = verification.state == State.RUNNING and lease is not None and lease > verification.now
        if held or verification.attempt >= MOST_ATTEMPTS:
            return None
        verification.findings.all().delete()  # of an attempt that was lost
        verification.state = State.RUNNING
        verification.attempt += 1
        verification.started_at = Now()
        verification.lease_expires_at = _lease()
        verification.save(update_fields=["state", "attempt", "started_at", "lease_expires_at"])
        connection = verification.connection
        roles = _roles_to_look_at(connection)
    return Claim(
        tenant_id,
        connection.pk,
        verification_id,
        verification.attempt,
        jobs=tuple(RoleJob(_task(role), _target(connection, role)) for role in roles),
    )


def _task(role: CustomerRole) -> Task:
    """What is to be done to a role. While it is quarantined, only the trust-test runs."""
    if role.status == Status.REMOVING:
        return Task.PROVE_REMOVED
    if not role.quarantined:
        return Task.VERIFY
    lifts = role.clean_rounds + 1 >= role_statuses.ROUNDS_TO_LIFT_QUARANTINE
    return Task.TRUST_TEST_THEN_VERIFY if lifts else Task.TRUST_TEST


def _roles_to_look_at(connection: Connection) -> list[CustomerRole]:
    """Not those of components that have left the catalogue: their component roles are gone as well."""
    roles = connection.roles.exclude(status__in=[Status.PAUSED, Status.REMOVED])
    return [role for role in roles if catalogue().offers(role.component)]


def _target(connection: Connection, role: CustomerRole) -> VerificationTarget:
    return VerificationTarget(
        tenant_ref=connection.tenant.reference,
        connection_ref=connection.reference,
        account_id=connection.account_id,
        external_id=connection.external_id,
        role_name=role_name(connection.reference, role.component),
        role_path="/",
        component=catalogue().component(role.component),
    )


def _running(tenant_id: UUID) -> int:
    return Verification.objects.filter(tenant_id=tenant_id, state=State.RUNNING, lease_expires_at__gt=Now()).count()


def _send_next(tenant_id: UUID) -> None:
    """A place of the tenant is free: send the verification that waits longest."""
    with tenant_scope(tenant_id):
        waiting = Verification.objects.filter(tenant_id=tenant_id, state=State.QUEUED).order_by("requested_at").first()
    if waiting is not None:
        _send_again(tenant_id, waiting.pk)


def _verify(claim: Claim) -> list[Report]:
    """Verify all roles at once; this thread stores what lands and renews the lease, with no transaction in between."""
    landed: queue.SimpleQueue[aws_report.Finding] = queue.SimpleQueue()
    stopped: set[str] = set()

    def land(finding: aws_report.Finding) -> None:
        if finding.component in stopped:
            raise OutOfUse  # ends the engine's run, in its own thread
        landed.put(finding)

    renew_every = settings.VERIFICATION_LEASE_SECONDS / 3
    with _threads(len(claim.jobs)) as executor:
        futures = [executor.submit(job.run, land) for job in claim.jobs]
        renewed_at = timezone.now()
        while not all(future.done() for future in futures) or not landed.empty():
            findings = _take(landed)
            if findings or (timezone.now() - renewed_at).total_seconds() >= renew_every:
                try:
                    stopped |= _store(claim, findings)
                except LeaseLost:
                    stopped |= {job.component for job in claim.jobs}
                    raise
                renewed_at = timezone.now()
    reports = []
    for future in futures:
        with suppress(OutOfUse):
            reports.append(future.result())
    if stopped and not reports:
        raise OutOfUse
    return reports


@contextmanager
def _threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that are not waited for when the run is given up: each ends by its own deadline."""
    executor = ThreadPoolExecutor(max(number, 1), thread_name_prefix="verify")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _take(landed: "queue.SimpleQueue[aws_report.Finding]") -> list[aws_report.Finding]:
    """What has landed, after a wait of a tenth of a second at the most: one write for all that came together."""
    findings = []
    try:
        findings.append(landed.get(timeout=0.1))
        while True:
            findings.append(landed.get_nowait())
    except queue.Empty:
        return findings


def _store(claim: Claim, findings: list[aws_report.Finding]) -> set[str]:
    """Store findings and renew the lease; gives the components that the customer took out of use meanwhile.

    Raises:
        LeaseLost: the verification is no longer ours.
    """
    with tenant_scope(claim.tenant_id):
        ours = Verification.objects.filter(pk=claim.verification_id, attempt=claim.attempt, state=State.RUNNING).update(
            lease_expires_at=_lease()
        )
        if not ours:
            raise LeaseLost
        Finding.objects.bulk_create(
            Finding(
                tenant_id=claim.tenant_id,
                verification_id=claim.verification_id,
                component=finding.component,
                check_code=finding.check,
                action=finding.action,
                region=finding.region,
                outcome=finding.outcome,
                cause=finding.cause,
                who=finding.who,
                title=finding.title,
                detail=finding.detail,
                fix=finding.fix,
                duration_ms=finding.duration_ms,
                request_id=finding.request_id,
            )
            for finding in findings
        )
        roles = CustomerRole.objects.filter(connection_id=claim.connection_id)
        statuses = dict(roles.values_list("component", "status"))
    return {job.component for job in claim.jobs if not job.is_wanted(statuses.get(job.component))}


def _complete(claim: Claim, reports: list[Report]) -> None:
    """Turn the reports into statuses and end the verification, in one transaction.

    The customer may have given another account meanwhile. What was found says nothing of that one, and must not prove
    it (F11).
    """
    with tenant_scope(claim.tenant_id):
        verification = _still_ours(claim)
        keep_receipts(verification=verification, reports=reports)
        if any(job.target.account_id != verification.connection.account_id for job in claim.jobs):
            verification.failure = "account_changed"
        else:
            verdict = role_statuses.apply_reports(verification=verification, reports=reports)
            verification.failure = "" if verdict else "no_verdict"
        verification.state = State.FAILED if verification.failure else State.COMPLETED
        _plan_next(verification.connection, failed=bool(verification.failure))
        verification.finished_at = Now()
        verification.save(update_fields=["state", "failure", "finished_at"])
        audit.record(
            f"verification:{verification.state}",
            by=SYSTEM,
            tenant_id=claim.tenant_id,
            target=verification,
            connection=str(verification.connection_id),
        )


def _still_ours(claim: Claim) -> Verification:
    verification = (
        Verification.objects.select_for_update(of=["self", "connection"])
        .select_related("connection")
        .filter(pk=claim.verification_id, attempt=claim.attempt, state=State.RUNNING)
        .first()
    )
    if verification is None:
        raise LeaseLost
    return verification


def _plan_next(connection: Connection, *, failed: bool) -> None:
    leaving = connection.roles.filter(status=Status.REMOVING).order_by("-status_since").first()
    connection.next_verification_at = next_verification(
        Status.REMOVING if leaving else connection.status,
        asked_at=leaving.status_since if leaving else connection.asked_at,
        now=timezone.now(),
        chance=random.random(),  # noqa: S311 — it spreads load, it protects nothing
        failed=failed,
    )
    connection.save(update_fields=["next_verification_at"])


def _end(tenant_id: UUID, verification_id: UUID, state: str, *, failure: str, attempt: int | None = None) -> None:
    """End an active verification without a verdict; with `attempt`, only if that claim is still the latest."""
    with tenant_scope(tenant_id):
        verification = Verification.objects.select_for_update().filter(pk=verification_id).first()
        if verification is None or not verification.is_active or attempt not in {None, verification.attempt}:
            return
        verification.state, verification.failure = state, failure
        _plan_next(verification.connection, failed=True)
        verification.finished_at = Now()
        verification.save(update_fields=["state", "failure", "finished_at"])
        audit.record(
            f"verification:{state}",
            by=SYSTEM,
            tenant_id=tenant_id,
            target=verification,
            connection=str(verification.connection_id),
            failure=failure,
        )
