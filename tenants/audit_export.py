"""A tenant's audit events as a file: CSV for spreadsheets, JSON for programs."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import UUID

from django.db.models import Q

from tenants.models import AuditEvent
from tenants.scope import tenant_scope

AT_ONCE = 500
COLUMNS = (
    "at",
    "action",
    "actor_kind",
    "actor_name",
    "target_kind",
    "target_id",
    "address",
    "request_id",
    "data",
)
# What a spreadsheet takes for a formula, which could send the sheet's other cells away.
_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(tenant_id: UUID, wanted: Q) -> Iterator[str]:
    """The events, newest first, with a line of names first; a cell that a spreadsheet would run is made text."""
    yield _line(COLUMNS)
    for event in _events(tenant_id, wanted):
        yield _line([harmless(str(_plain(event)[column] or "")) for column in COLUMNS])


def as_json(tenant_id: UUID, wanted: Q) -> Iterator[str]:
    """The events, newest first, as one JSON list."""
    separator = "["
    for event in _events(tenant_id, wanted):
        row = _plain(event) | {"data": event.data}
        yield separator + json.dumps(row, ensure_ascii=False)
        separator = ",\n"
    yield "]\n" if separator != "[" else "[]\n"


def harmless(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would take for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_BEGINNINGS) else cell


def _events(tenant_id: UUID, wanted: Q) -> Iterator[AuditEvent]:
    """Read in short transactions, so that a slow reader holds none open."""
    last: int | None = None
    while True:
        with tenant_scope(tenant_id):
            rows = AuditEvent.objects.for_tenant(tenant_id).filter(wanted).order_by("-pk")
            found = list((rows if last is None else rows.filter(pk__lt=last))[:AT_ONCE])
        yield from found
        if len(found) < AT_ONCE:
            return
        last = found[-1].pk


def _plain(event: AuditEvent) -> dict[str, Any]:
    return {column: getattr(event, column) for column in COLUMNS} | {
        "at": event.at.isoformat(),
        "data": json.dumps(event.data, ensure_ascii=False) if event.data else "",
    }


def _line(cells: Any) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
