"""What is kept for a while: findings are rolled up into counts, and later verifications and receipts are deleted.

The latest whole verification of a connection, and its latest with a verdict, are kept with their findings whatever
their age: pages, API and support read from them how things stand. The history of statuses is kept as long as the
tenant, so the timeline and the feed lose nothing.

The look-up names tenants alone. What is deleted is deleted as the app, in the scope of its tenant, a bounded number at
a time; each tenant has one turn before any has its second.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from integrations.actions.verifications import Checks, State
from integrations.models import Finding, Session, Verification
from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import call, tenant_scope

MOST_TENANTS = 200
MOST_VERIFICATIONS = 200  # of one tenant in one turn, so that no delete holds many locks
MOST_SESSIONS = 1000
SENT_TASK_EXPIRES_SECONDS = 300
_GROUPED_BY = ("component", "outcome", "cause", "who")


def send_tasks() -> int:
    """Send a task for each tenant that keeps something too old, the oldest first; how many."""
    old = call("tenants_with_old_verifications", *_kept_since(), MOST_TENANTS)
    for (tenant_id,) in old:
        current_app.send_task(
            "integrations.tasks.forget_old_verifications", args=[str(tenant_id)], expires=SENT_TASK_EXPIRES_SECONDS
        )
    return len(old)


def forget_old_verifications(*, tenant_id: UUID, by: Actor = SYSTEM) -> dict[str, int]:
    """Roll up the findings of a tenant's old verifications, and delete what is older still; how many of each.

    What somebody else holds is left for the next turn, so two turns at once share the work and neither waits.
    """
    findings_since, verifications_since = _kept_since()
    with tenant_scope(tenant_id):
        old = _superseded(tenant_id).filter(requested_at__lt=findings_since, rolled_up__isnull=True)
        rolled_up = list(old.select_for_update(of=["self"], skip_locked=True)[:MOST_VERIFICATIONS])
        findings = _roll_up(rolled_up)
        older = _superseded(tenant_id).filter(requested_at__lt=verifications_since)
        gone = [one.pk for one in older.select_for_update(of=["self"], skip_locked=True)[:MOST_VERIFICATIONS]]
        Verification.objects.filter(tenant_id=tenant_id, pk__in=gone).delete()
        receipts = Session.objects.filter(tenant_id=tenant_id, opened_at__lt=verifications_since).order_by("opened_at")
        ended = [one.pk for one in receipts.select_for_update(of=["self"], skip_locked=True)[:MOST_SESSIONS]]
        Session.objects.filter(tenant_id=tenant_id, pk__in=ended).delete()
        done = {
            "rolled_up": len(rolled_up), "findings": findings, "verifications": len(gone), "sessions": len(ended)
        }  # fmt: skip
        if any(done.values()):
            tenant = Tenant.objects.get(pk=tenant_id)
            audit.record("tenant:old_data_deleted", by=by, tenant_id=tenant_id, target=tenant, **done)
    return done


def _kept_since() -> tuple[datetime, datetime]:
    """From when findings are kept, and from when verifications are. It moves at midnight, so that a tenant has a few
    audit events a day at the most.
    """
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        midnight - timedelta(days=settings.FINDINGS_KEPT_DAYS),
        midnight - timedelta(days=settings.VERIFICATIONS_KEPT_DAYS),
    )


def _superseded(tenant_id: UUID) -> QuerySet[Verification]:
    """Ended verifications after which another one says how things stand; the oldest first. As the look-up has it."""
    later = Verification.objects.filter(
        connection=OuterRef("connection"), requested_at__gt=OuterRef("requested_at"), checks=Checks.ALL
    )
    with_verdict = Q(state=State.COMPLETED, checks=Checks.ALL)
    return (
        Verification.objects.filter(tenant_id=tenant_id, state__in=[State.COMPLETED, State.FAILED])
        .filter(Exists(later.filter(state=State.COMPLETED)) | (~with_verdict & Exists(later)))
        .order_by("requested_at")
    )


def _roll_up(verifications: list[Verification]) -> int:
    """Put counts in the place of their findings; how many findings that were."""
    ids = [one.pk for one in verifications]
    counts: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    found = Finding.objects.filter(verification__in=ids)
    for row in found.order_by(*_GROUPED_BY).values("verification_id", *_GROUPED_BY).annotate(count=Count("pk")):
        counts[row.pop("verification_id")].append(row)
    for one in verifications:
        one.rolled_up = counts[one.pk]
    Verification.objects.bulk_update(verifications, ["rolled_up"])
    return found.delete()[0]
