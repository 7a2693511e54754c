"""What workers do. A task takes ids, opens nothing itself and calls one action."""

from uuid import UUID

from celery import shared_task
from celery.signals import worker_init

from integrations.actions import (
    emergency_stop,
    notifications,
    schedule,
    vendor_identity,
    verification_runs,
    verifications,
)
from integrations.aws.verify import warm_up
from integrations.catalogue_file import catalogue
from integrations.vendor import vendor_settings


@worker_init.connect
def _warm_up(**_: object) -> None:
    """A worker's first verification is as quick as the rest."""
    warm_up(vendor_settings(), catalogue())


@shared_task(name="integrations.tasks.run_verification", acks_late=False)
def run_verification(tenant_id: str, verification_id: str) -> None:
    """Run a queued verification, or one whose worker was lost.

    Queue `verifications`. No retry by the broker: the lease in the database is what hands a lost run on. The run ends
    by the deadlines of its AWS calls.
    """
    verification_runs.run(tenant_id=UUID(tenant_id), verification_id=UUID(verification_id))


@shared_task(name="integrations.tasks.hand_back_verifications")
def hand_back_verifications() -> None:
    """Queue again what a lost worker left, and end what waited too long. Queue `maintenance`, from beat, no retry."""
    verifications.hand_back()


@shared_task(name="integrations.tasks.verify_due")
def verify_due() -> None:
    """Ask for the verifications that are due. Queue `maintenance`, from beat, no retry: beat comes again."""
    schedule.verify_due()


@shared_task(name="integrations.tasks.send_notifications")
def send_notifications() -> None:
    """Send the mails that are due. Queue `maintenance`, from beat, no retry: beat comes again, and each mail has its
    own back-off.
    """
    notifications.send_due()


@shared_task(name="integrations.tasks.follow_emergency_stop")
def follow_emergency_stop() -> None:
    """Bring the customer roles after the emergency stop, where one was started or lifted. Queue `maintenance`, when it
    was and from beat, no retry: beat comes again.
    """
    emergency_stop.follow()


@shared_task(name="integrations.tasks.check_vendor")
def check_vendor() -> None:
    """Prove the vendor's own side, base → A → B. Queue `maintenance`, from beat, no retry: beat comes again."""
    vendor_identity.check_vendor()
