"""Examinations of the vendor's own side: asked for, run, and kept."""

from dataclasses import asdict
from typing import Any

from celery import current_app
from django.db import router, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from integrations.actions.vendor_sessions import keep_vendor_sessions
from integrations.aws.vendor_doctor import Examination, examine
from integrations.catalogue_file import catalogue, one_catalogue
from integrations.models import IntegrationRole, VendorExamination
from integrations.vendor import vendor_settings
from tenants import audit
from tenants.audit import Actor
from tenants.scope import APP

TASK = "integrations.tasks.examine_vendor"


class QueueUnavailable(Exception):
    """The queue does not answer, so nothing was started."""


def request_examination(*, by: Actor) -> VendorExamination:
    """Queue an examination.

    Raises:
        QueueUnavailable: nothing is queued.
    """
    with transaction.atomic(using=router.db_for_write(VendorExamination)):
        examination = VendorExamination.objects.create(requested_by=by.name)
        audit.record("vendor:examination_requested", by=by, tenant_id=None, target=examination)
    try:
        current_app.send_task(TASK, args=[examination.pk])
    except (OperationalError, OSError) as error:
        _finish(examination, VendorExamination.State.UNKNOWN, {"failure": "The queue was away."}, "")
        raise QueueUnavailable("The queue is unavailable, nothing was started.") from error
    return examination


def run_examination(*, examination_id: int) -> None:
    """Run a queued examination; one that has run already is left alone."""
    examination = VendorExamination.objects.filter(pk=examination_id, state=VendorExamination.State.QUEUED).first()
    if examination is None:
        return
    with one_catalogue():
        found = examine(vendor_settings(), catalogue(), remembered_role_id=remembered_role_id())
        keep_vendor_sessions(vendor_settings())
    _finish(examination, VendorExamination.State(found.state), as_json(found), found.integration_role_id)


def examine_now(*, remembered_role_id: str = "", deadline_seconds: float = 120) -> Examination:
    """Examine in this process. Touches no database, so that it works where nothing else does, and keeps nothing."""
    with one_catalogue():
        return examine(
            vendor_settings(),
            catalogue(),
            remembered_role_id=remembered_role_id,
            deadline_seconds=deadline_seconds,
        )


def remembered_role_id() -> str:
    """The integration role's unique id as verifications know it, else as the last examination that reached it found
    it; empty if none did. One that raised the alarm counts once somebody acknowledged it.
    """
    known = IntegrationRole.objects.filter(
        role_arn=vendor_settings().integration_role_arn, acknowledged_at__isnull=False
    ).first()
    if known is not None:
        return known.role_id
    last = VendorExamination.objects.exclude(integration_role_id="").first()
    return last.integration_role_id if last is not None else ""


def as_json(examination: Examination) -> dict[str, Any]:
    """The examination as JSON values."""
    return {
        **asdict(examination),
        "started_at": examination.started_at.isoformat(),
        "state": str(examination.state),
        "exit_status": examination.exit_status,
    }


def _finish(
    examination: VendorExamination, state: VendorExamination.State, report: dict[str, Any], role_id: str
) -> None:
    VendorExamination.objects.using(APP).filter(pk=examination.pk).update(
        state=state, report=report, integration_role_id=role_id, finished_at=timezone.now()
    )
