"""Running a verification, in a worker: claim it, look at each of its roles, store what lands, turn it into statuses.

No transaction is open while AWS is called: AWS runs in threads of its own, and this thread writes what they find.
How a claim is held is in `verification_claims`, and what happens when it is lost in `verifications`.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from integrations.actions import role_statuses, vendor_identity
from integrations.actions.external_id_rotations import follow_rotation, was_refused
from integrations.actions.landing import Landed, Landing, readable_findings, store_landed, write_findings
from integrations.actions.role_jobs import Report, RoleJob
from integrations.actions.sessions import keep_receipts, write_receipts
from integrations.actions.vendor_sessions import keep_vendor_sessions
from integrations.actions.verification_claims import Claim, LeaseLost, Stopped, claim_verification, still_ours
from integrations.actions.verifications import (
    Checks,
    NotReady,
    State,
    end_without_verdict,
    find_or_create,
    plan_next,
    request_verification,
    send_again,
    send_next,
)
from integrations.aws import report as aws_report
from integrations.in_hand import in_hand
from integrations.metrics import count_failure, count_verdict
from integrations.models import Connection, CustomerRole, Verification
from integrations.vendor import vendor_settings
from integrations.worker_stop import grace_is_over
from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.scope import DATABASE_AWAY, let_go, tenant_scope

logger = logging.getLogger(__name__)

# How soon a run sees that it is to stop: paused or removed by the customer, or stopped by the vendor.
LOOK_EVERY_SECONDS = 1.0

STORED_EVERY_SECONDS = 0.25  # often enough for whoever watches


class OutOfUse(Exception):
    """The customer paused or removed what is being verified: no more sessions are opened in it."""


class HandedBack(Exception):
    """This worker stops before the run has ended: another one begins it anew."""


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
        claim = claim_verification(tenant_id, verification_id)
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
            stopped.update(store_landed(claim, news))
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


def _complete(claim: Claim, reports: list[Report], last: list[Landed]) -> None:
    """Store what landed last, turn the reports into statuses and end the verification, in one transaction. Whatever
    comes of it, the receipts are kept.

    The customer may have given another account meanwhile, or other names for its roles. What was found says nothing of
    those, and must not prove the account (F11).
    """
    try:
        vendor_identity.remember_roles(reports)
        with tenant_scope(claim.tenant_id):
            verification = still_ours(claim)
            write_receipts(claim, last)
            write_findings(claim, readable_findings(claim, last))
            _end(claim, verification, reports)
    except Exception as error:
        keep_receipts(claim, last)
        if not isinstance(error, (LeaseLost, *DATABASE_AWAY)):  # an error of ours: what was found is kept to be read
            with suppress(LeaseLost, Stopped):  # which would be told of instead
                store_landed(claim, [one for one in last if isinstance(one, aws_report.Finding)])
        raise


def _end(claim: Claim, verification: Verification, reports: list[Report]) -> None:
    """Turn the reports into statuses; the scope is open, and connection and verification are locked."""
    withheld = [report for report in reports if report.component in claim.withheld]
    readable = role_statuses.reports_for_a_claimant(withheld)
    if readable:
        write_findings(claim, [finding for report in readable for finding in report.findings])
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
    transaction.on_commit(lambda: count_failure(failure, findings) if failure else count_verdict(findings))
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
        _queue_again(still_ours(claim))


def _queue_again(verification: Verification) -> None:
    """The same verification runs again: its worker stops, or more was asked for while reachability was checked."""
    verification.state, verification.lease_expires_at = State.QUEUED, None
    verification.save(update_fields=["state", "lease_expires_at"])
    # `run` sends the tenant's longest waiting one next, which need not be this.
    transaction.on_commit(lambda: send_again(verification))
