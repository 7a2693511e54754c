"""The first page for staff: connections by status, what fails and why, and whether the queue moves."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from integrations.actions.emergency_stop import active_stop
from integrations.admin.overview import NOT_WELL
from integrations.models import Connection, Finding, Notification, Status, Verification

LOOKED_BACK = timedelta(days=1)
MOST_CAUSES = 10
QUEUE_IS_SLOW_AFTER = timedelta(minutes=2)
State = Verification.State


def dashboard(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The theme's callback: the page's context with the figures. Each of them is read from an index of its own."""
    now = timezone.now()
    context |= {
        "statuses": _statuses(),
        "causes": _causes(now),
        "failures": _failures(now),
        "queue": _queue(now),
        "hours": int(LOOKED_BACK.total_seconds() // 3600),
    }
    for name in ("statuses", "causes", "failures"):
        context[f"{name}_chart"] = _chart(context[name])
    return context


def _statuses() -> list[dict[str, Any]]:
    counted = dict(Connection.objects.order_by().values_list("worst_status").annotate(Count("pk")))
    address = reverse("admin:integrations_connection_changelist")
    return [
        {"name": status.label, "number": counted.get(status.value, 0), "link": f"{address}?status={status.value}"}
        for status in Status
    ]


def _causes(now: datetime) -> list[dict[str, Any]]:
    recent = Finding.objects.filter(outcome__in=NOT_WELL, created_at__gt=now - LOOKED_BACK)
    return _counted(recent, "cause")


def _failures(now: datetime) -> list[dict[str, Any]]:
    failed = Verification.objects.filter(state=State.FAILED, finished_at__gt=now - LOOKED_BACK)
    return _counted(failed, "failure")


def _counted(rows: QuerySet[Any], column: str) -> list[dict[str, Any]]:
    most = rows.order_by().values_list(column).annotate(number=Count("pk")).order_by("-number", column)[:MOST_CAUSES]
    return [{"name": name or "none named", "number": number} for name, number in most]


def _queue(now: datetime) -> list[dict[str, Any]]:
    waiting = Verification.objects.filter(state=State.QUEUED).aggregate(number=Count("pk"), oldest=Min("requested_at"))
    running = Verification.objects.filter(state=State.RUNNING)
    lost = running.filter(lease_expires_at__lt=now).count()
    overdue = Connection.objects.filter(next_verification_at__lt=now - QUEUE_IS_SLOW_AFTER).count()
    mails = Notification.objects.filter(due_at__lt=now - QUEUE_IS_SLOW_AFTER).count()
    oldest = now - waiting["oldest"] if waiting["oldest"] else timedelta(0)
    stopped = active_stop() is not None
    return [
        _entry("Verifications that wait", waiting["number"], is_well=oldest < QUEUE_IS_SLOW_AFTER or stopped),
        _entry("The oldest waits for seconds", int(oldest.total_seconds()), oldest < QUEUE_IS_SLOW_AFTER or stopped),
        _entry("Verifications that run", running.count(), is_well=True),
        _entry("Of those, lost by their worker", lost, is_well=not lost),
        _entry("Connections that are overdue", overdue, is_well=not overdue or stopped),
        _entry("Mails that are overdue", mails, is_well=not mails),
    ]


def _entry(name: str, number: int, is_well: bool) -> dict[str, Any]:
    return {"name": name, "number": number, "is_well": is_well}


def _chart(rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> str:
    """What the theme's bar chart draws."""
    return json.dumps(
        {
            "labels": [str(row["name"]) for row in rows],
            "datasets": [
                {
                    "label": "number",
                    "data": [row["number"] for row in rows],
                    "backgroundColor": "var(--color-primary-600)",
                }
            ],
        }
    )
