"""The dashboard: all connections of a tenant, found, filtered, sorted and verified many at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.actions.bulk_verifications import request_verifications, request_verifications_of_failed
from integrations.actions.verifications import NotReady
from integrations.aws.arns import in_groups
from integrations.forms import CHOSEN, FAILED_ONES, ORDERS, ChosenConnectionsForm, ConnectionFilterForm
from integrations.models import Connection, CustomerRole, Status
from integrations.models.connection import FAILED, ConnectionQuerySet
from integrations.views.connections import REFUSED
from integrations.views.steps import step_of
from tenants.access import MemberRequest, member
from tenants.audit import Actor
from tenants.permissions import Permission

PAGE_SIZE = 50
_SHOWN = ("tenant", "name", "account_id", "worst_status", "removal_requested_at")  # all that a row shows


@dataclass(frozen=True)
class Row:
    """One connection on the list, as the page shows it: fifty times, so the words are put together here."""

    connection: Connection
    address: str
    status: Status
    account: str
    components: str
    is_being_verified: bool
    verified_at: datetime | None
    next_step: str  # what is still to be done, where it never got a verdict


def _rows_of(found: Iterable[Any], statuses: dict[UUID, list[str]]) -> list[Row]:
    """The rows of connections `with_verification`, whose roles have these statuses; each word is looked up once."""
    in_account, in_none = _("AWS account %s"), _("No AWS account named yet")
    counts = {0, *map(len, statuses.values())}
    in_all = {count: ngettext("%d component", "%d components", count) % count for count in counts}
    rows = []
    for one in found:
        its_statuses = statuses.get(one.pk, [])
        step = step_of(one, its_statuses, verified=False) if _is_on_its_way(one) else None
        rows.append(
            Row(
                connection=one,
                address=reverse("connection", args=[one.tenant_id, one.pk]),
                status=Status(one.worst_status),
                account=in_account % in_groups(one.account_id) if one.account_id else in_none,
                components=in_all[len(its_statuses)],
                is_being_verified=one.is_being_verified,
                verified_at=one.verified_at,
                next_step=_("next: %s") % step.words if step else "",
            )
        )
    return rows


def _is_on_its_way(connection: Any) -> bool:  # what `with_verification` adds is not in its type
    """Whether there is a next step: it never got a verdict, and is not asked for or going."""
    return (
        connection.verified_at is None and not connection.is_being_verified and connection.removal_requested_at is None
    )


def _statuses_of(found: list[Connection]) -> dict[UUID, list[str]]:
    """The statuses of the roles of these connections, as plain values: a page shows hundreds of them."""
    statuses: dict[UUID, list[str]] = {}
    roles = CustomerRole.objects.filter(connection__in=found).order_by()
    for connection_id, status in roles.values_list("connection_id", "status"):
        statuses.setdefault(connection_id, []).append(status)
    return statuses


class _Counted(Paginator):  # type: ignore[type-arg]  # it is generic in the stubs alone
    """A paginator that is told how many there are."""

    def __init__(self, rows: ConnectionQuerySet, count: int) -> None:
        self._counted = count
        super().__init__(rows, PAGE_SIZE)

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return self._counted


@member(Permission.VIEW)
def connections(request: MemberRequest) -> HttpResponse:
    """All connections of the tenant with their status; those of the filter."""
    form = ConnectionFilterForm(request.GET)
    valid = form.is_valid()
    wanted = form.cleaned_data if valid else {}
    found = Connection.objects.for_tenant(request.tenant.pk).found_by(wanted.get("q", ""))
    tallies = found.counts_by_status()
    status = wanted.get("status", "")
    if status:
        found = found.of_status([status])
    count = tallies.get(Status(status), 0) if status else sum(tallies.values())
    order = ORDERS[wanted.get("sort") or "newest"]
    rows = found.with_verification().only(*_SHOWN).order_by(*order)
    page = _Counted(rows, count).get_page(request.GET.get("page"))
    on_page = list(page.object_list)
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {
        "section": "connections",
        "form": form,
        "rows": _rows_of(on_page, _statuses_of(on_page)),
        "can_verify": request.member.may(Permission.VERIFY),
        "page": page,
        "count": count,
        "tallies": tallies.items(),
        "in_all": sum(tallies.values()),
        "chosen_status": status,
        "search": wanted.get("q", ""),
        "is_filtered": bool(status or wanted.get("q")),
        "failed": sum(tallies.get(failed, 0) for failed in FAILED),
        "query": asked.urlencode(),
    }
    return render(request, "integrations/connections.html", context, status=200 if valid else REFUSED)


@member(Permission.VERIFY)
def verify_connections(request: MemberRequest) -> HttpResponse:
    """Verify the connections that are ticked, or all that did not pass."""
    address = _list_address(request)
    if request.method != "POST":
        return redirect(address)
    form = ChosenConnectionsForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Tick the connections to verify first."))
        return redirect(address)
    by = Actor.user(request.user)
    try:
        if form.cleaned_data["which"] == FAILED_ONES:
            count = request_verifications_of_failed(tenant=request.tenant, by=by)
        else:
            count = request_verifications(tenant=request.tenant, by=by, connection_ids=form.cleaned_data[CHOSEN])
    except NotReady as stopped:
        messages.error(request, str(stopped))
        return redirect(address)
    if count:
        words = ngettext(
            "%s connection is verified now. Its status changes here as soon as it is done.",
            "%s connections are verified now, a few at a time. Their statuses change here as they are done.",
            count,
        )
        messages.success(request, words % intcomma(count))
    else:
        messages.info(
            request, _("Nothing new to do: what can be verified is being verified already, or has no AWS account yet.")
        )
    return redirect(address)


def _list_address(request: MemberRequest) -> str:
    """The list as it was filtered."""
    address = reverse("connections", args=[request.tenant.pk])
    query = request.GET.urlencode()
    return f"{address}?{query}" if query else address
