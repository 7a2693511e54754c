"""What workers do. A task takes ids and calls one action; one of a single tenant is a `TenantTask`."""

import logging
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down
from celery.worker.control import control_command
from django.db import DatabaseError, OperationalError

from integrations.actions import (
    catalogue_releases,
    emergency_stop,
    notifications,
    retention,
    rotation_reminders,
    schedule,
    tenant_deletion,
    vendor_examinations,
    vendor_identity,
    vendor_sessions,
    verification_runs,
    verifications,
)
from integrations.aws.verify import warm_up
from integrations.catalogue import CatalogueError
from integrations.catalogue_file import catalogue, one_catalogue
from integrations.launch_sessions import drop_launch_sessions, launch_sessions
from integrations.metrics import BEAT
from integrations.vendor import vendor_settings
from integrations.worker_stop import stop_soon
from tenants.actions import browser_sessions, idempotent_requests, recovery, webhook_deliveries
from tenants.audit import SYSTEM
from tenants.tasks import TenantTask

logger = logging.getLogger(__name__)


@worker_init.connect
def _warm_up(sender: Any = None, **_: object) -> None:
    """A worker's first verification is as quick as the rest. A catalogue that must not be in force keeps it out, and so
    do so few threads that one tenant's hanging accounts could hold them all.
    """
    if sender is not None:
        _refuse_few_threads(sender.concurrency, set(sender.app.amqp.queues.consume_from))
    try:
        catalogue_releases.release_catalogue(by=SYSTEM)
    except CatalogueError as error:
        logger.critical("This worker does not start: %s", error)
        raise SystemExit(1) from error  # Celery would catch any other exception and start
    except DatabaseError:
        logger.warning("The database is away, so the catalogue is compared with the last release later")
    warm_up(vendor_settings(), catalogue())


def _refuse_few_threads(threads: int, queues: set[str]) -> None:
    verifies = not queues.isdisjoint({verifications.QUEUE, verifications.SCHEDULED_QUEUE})
    if verifies and threads <= verifications.MOST_RUNNING_PER_TENANT:
        logger.critical(
            "This worker does not start: of its %d threads one tenant's hanging accounts could hold each. Give "
            "--concurrency %d or more.",
            threads,
            verifications.MOST_RUNNING_PER_TENANT + 1,
        )
        raise SystemExit(1)


@worker_shutting_down.connect
def _stop_soon(**_: object) -> None:
    """Celery takes no new message from here on, and waits for what runs, which ends or is handed back in time."""
    stop_soon()


class CallingTask(TenantTask):
    """A task that calls AWS, a customer's address or a mail server: its action opens the scope around each step."""

    abstract = True
    opens_scope = False


# Acknowledged late, so that a worker holds no message that it cannot start while another worker could. Tried again if
# the database gives no connection in time: `hand_back` would come only after half a minute.
@shared_task(
    name="integrations.tasks.run_verification",
    base=CallingTask,
    acks_late=True,
    autoretry_for=(OperationalError,),
    max_retries=4,
    retry_backoff=True,
)
def run_verification(tenant_id: UUID, verification_id: UUID) -> None:
    """Run a queued verification, or one whose worker was lost.

    Queue `verifications`, or `scheduled_verifications` where nobody waits. What hands a lost run on is the
    lease in the database, and a message that comes twice finds it taken. The run ends by its deadline.
    """
    with one_catalogue():
        verification_runs.run(tenant_id=tenant_id, verification_id=verification_id)


@control_command(name="drop_sessions", args=[("connection_ref", str)], signature="[connection_ref]")
def drop_sessions(_state: Any, connection_ref: str | None = None) -> dict[str, int]:
    """Told to every worker at once: forget the sessions of a connection, or all. Answers how many are left."""
    drop_launch_sessions(connection_ref)
    return {"left": len(launch_sessions())}


@shared_task(name="integrations.tasks.hand_back_verifications")
def hand_back_verifications() -> None:
    """Queue again what a lost worker left, and end what waited too long. Queue `maintenance`, from beat, no retry."""
    BEAT.set_to_current_time()
    verifications.hand_back()


@shared_task(name="integrations.tasks.carry_out_deletions")
def carry_out_deletions() -> None:
    """Go on with the deletion of tenants. Queue `maintenance`, from beat, no retry: beat comes again."""
    tenant_deletion.carry_out_deletions()


@shared_task(name="integrations.tasks.carry_out_recoveries")
def carry_out_recoveries() -> None:
    """Carry out the recoveries that are due. Queue `maintenance`, from beat, no retry: beat comes again."""
    recovery.carry_out_recoveries()


@shared_task(name="integrations.tasks.forget_idempotent_requests")
def forget_idempotent_requests() -> None:
    """Forget answers that are older than a day. Queue `maintenance`, from beat, no retry: beat comes again."""
    idempotent_requests.purge()


@shared_task(name="integrations.tasks.forget_ended_sessions")
def forget_ended_sessions() -> None:
    """Delete sessions of browsers that have ended. Queue `maintenance`, from beat, no retry: beat comes again."""
    browser_sessions.forget_ended_sessions()


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


@shared_task(name="integrations.tasks.send_webhooks")
def send_webhooks() -> None:
    """Hand endpoints with something due to workers. Queue `maintenance`, from beat, no retry: beat comes again."""
    webhook_deliveries.hand_out_due()


@shared_task(name="integrations.tasks.deliver_webhooks", base=CallingTask)
def deliver_webhooks(tenant_id: UUID, endpoint_id: UUID, lease: UUID) -> None:
    """Send what is due to one endpoint. Queue `webhooks`, no retry: each delivery has its own back-off, and what a lost
    worker left is found again. It ends by the turn's time and the deadline of an attempt, after 40 s.
    """
    webhook_deliveries.deliver(tenant_id=tenant_id, endpoint_id=endpoint_id, lease=lease)


@shared_task(name="integrations.tasks.forget_old_webhook_events")
def forget_old_webhook_events() -> None:
    """Delete what webhooks told long ago. Queue `maintenance`, from beat, no retry: beat comes again."""
    webhook_deliveries.forget_old_events()


@shared_task(name="integrations.tasks.send_retention_tasks")
def send_retention_tasks() -> None:
    """Send a task for each tenant that keeps something too old. Queue `maintenance`, from beat, no retry: beat comes
    again.
    """
    retention.send_tasks()


@shared_task(name="integrations.tasks.forget_old_verifications", base=TenantTask)
def forget_old_verifications(tenant_id: UUID) -> None:
    """One turn of a tenant: what is too old is rolled up or deleted. Queue `maintenance`, no retry: what is left is
    found again.
    """
    retention.forget_old_verifications(tenant_id=tenant_id)


@shared_task(name="integrations.tasks.remind_of_rotations")
def remind_of_rotations() -> None:
    """Send a task for each reminder of a rotation that is due. Queue `maintenance`, from beat, no retry: beat comes
    again.
    """
    rotation_reminders.send_reminder_tasks()


@shared_task(name="integrations.tasks.remind_of_rotation", base=CallingTask)
def remind_of_rotation(tenant_id: UUID, rotation_id: UUID) -> None:
    """Remind a tenant's people of a rotation. Queue `maintenance`, no retry: what did not go out is due again."""
    rotation_reminders.remind(tenant_id=tenant_id, rotation_id=rotation_id)


@shared_task(name="integrations.tasks.release_catalogue")
def release_catalogue() -> None:
    """Keep a changed catalogue as a release. Queue `maintenance`, from beat, no retry: beat comes again."""
    try:
        catalogue_releases.release_catalogue(by=SYSTEM)
    except CatalogueError as error:
        logger.error("The catalogue must not be in force: %s", error)  # noqa: TRY400  the message says it all


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
    vendor_sessions.purge_vendor_sessions()


@shared_task(name="integrations.tasks.examine_vendor")
def examine_vendor(examination_id: int) -> None:
    """Prove the vendor's own side. Queue `maintenance`, no retry; it ends by its own deadline of two minutes."""
    vendor_examinations.run_examination(examination_id=examination_id)
