"""Claiming a verification: a worker holds it by a lease, and it is this claim that what it finds counts for."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce, Now

from integrations.actions import emergency_stop, role_statuses
from integrations.actions.role_jobs import RoleJob, Task
from integrations.actions.targets import verification_target
from integrations.actions.verifications import (
    MOST_ATTEMPTS,
    MOST_RUNNING_PER_TENANT,
    Checks,
    State,
    new_lease,
    roles_to_look_at,
    running,
)
from integrations.aws.report import VerificationTarget
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Status, Verification
from integrations.worker_stop import is_stopping
from tenants.models import Tenant
from tenants.scope import tenant_scope


class LeaseLost(Exception):
    """Another worker has taken this verification over: whatever is still found here does not count."""


class Stopped(Exception):
    """The vendor's emergency stop is on: no more sessions are opened."""


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


def claim_verification(tenant_id: UUID, verification_id: UUID) -> Claim | None:
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


def still_ours(claim: Claim) -> Verification:
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
