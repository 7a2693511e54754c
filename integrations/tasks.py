"""What workers do. A task takes ids and calls one action; one of a single tenant is a `TenantTask`."""

from uuid import UUID

from celery import shared_task
from celery.signals import worker_init

from integrations.actions import schedule, tenant_deletion, verification_runs, verifications
from integrations.aws.verify import warm_up
from integrations.catalogue_file import catalogue
from integrations.vendor import vendor_settings
from tenants.actions import recovery
from tenants.tasks import TenantTask


@worker_init.connect
def _warm_up(**_: object) -> None:
    """A worker's first verification is as quick as the rest."""
    warm_up(vendor_settings(), catalogue())


class VerificationTask(TenantTask):
    """A verification calls AWS, so its action opens the scope around each of its steps."""

    abstract = True
    opens_scope = False


@shared_task(name="integrations.tasks.run_verification", base=VerificationTask, acks_late=False)
def run_verification(tenant_id: UUID, verification_id: UUID) -> None:
    """Run a queued verification, or one whose worker was lost.

    Queue `verifications`. No retry by the broker: the lease in the database is what hands a lost run on. The run ends
    by the deadlines of its AWS calls.
    """
    verification_runs.run(tenant_id=tenant_id, verification_id=verification_id)


@shared_task(name="integrations.tasks.hand_back_verifications")
def hand_back_verifications() -> None:
    """Queue again what a lost worker left, and end what waited too long. Queue `maintenance`, from beat, no retry."""
    verifications.hand_back()


@shared_task(name="integrations.tasks.carry_out_deletions")
def carry_out_deletions() -> None:
    """Go on with the deletion of tenants. Queue `maintenance`, from beat, no retry: beat comes again."""
    tenant_deletion.carry_out_deletions()


@shared_task(name="integrations.tasks.carry_out_recoveries")
def carry_out_recoveries() -> None:
    """Carry out the recoveries that are due. Queue `maintenance`, from beat, no retry: beat comes again."""
    recovery.carry_out_recoveries()


@shared_task(name="integrations.tasks.verify_due")
def verify_due() -> None:
    """Ask for the verifications that are due. Queue `maintenance`, from beat, no retry: beat comes again."""
    schedule.verify_due()
