"""What workers do. A task takes ids, opens nothing itself and calls one action."""

import logging
from uuid import UUID

from celery import shared_task
from celery.signals import worker_init
from django.db import DatabaseError

from integrations.actions import (
    catalogue_releases,
    notifications,
    schedule,
    tenant_deletion,
    verification_runs,
    verifications,
)
from integrations.aws.verify import warm_up
from integrations.catalogue import CatalogueError
from integrations.catalogue_file import catalogue, one_catalogue
from integrations.vendor import vendor_settings
from tenants.audit import SYSTEM

logger = logging.getLogger(__name__)


@worker_init.connect
def _warm_up(**_: object) -> None:
    """A worker's first verification is as quick as the rest. A catalogue that must not be in force keeps it out."""
    try:
        catalogue_releases.release_catalogue(by=SYSTEM)
    except CatalogueError as error:
        logger.critical("This worker does not start: %s", error)
        raise SystemExit(1) from error  # Celery would catch any other exception and start
    except DatabaseError:
        logger.warning("The database is away, so the catalogue is compared with the last release later")
    warm_up(vendor_settings(), catalogue())


@shared_task(name="integrations.tasks.run_verification", acks_late=False)
def run_verification(tenant_id: str, verification_id: str) -> None:
    """Run a queued verification, or one whose worker was lost.

    Queue `verifications`. No retry by the broker: the lease in the database is what hands a lost run on. The run ends
    by the deadlines of its AWS calls.
    """
    with one_catalogue():
        verification_runs.run(tenant_id=UUID(tenant_id), verification_id=UUID(verification_id))


@shared_task(name="integrations.tasks.hand_back_verifications")
def hand_back_verifications() -> None:
    """Queue again what a lost worker left, and end what waited too long. Queue `maintenance`, from beat, no retry."""
    verifications.hand_back()


@shared_task(name="integrations.tasks.carry_out_deletions")
def carry_out_deletions() -> None:
    """Go on with the deletion of tenants. Queue `maintenance`, from beat, no retry: beat comes again."""
    tenant_deletion.carry_out_deletions()


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


@shared_task(name="integrations.tasks.release_catalogue")
def release_catalogue() -> None:
    """Keep a changed catalogue as a release. Queue `maintenance`, from beat, no retry: beat comes again."""
    try:
        catalogue_releases.release_catalogue(by=SYSTEM)
    except CatalogueError as error:
        logger.error("The catalogue must not be in force: %s", error)  # noqa: TRY400  the message says it all
