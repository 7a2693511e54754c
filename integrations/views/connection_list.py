"""The dashboard: all connections of a tenant, found, filtered, sorted and verified many at a time."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch
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
_STATUSES = Prefetch("roles", queryset=CustomerRole.objects.only("connection_id", "status"))  # all that a row shows


@dataclass(frozen=True)
class Row:
    """One connection on the list, as the page shows it: fifty times, so the words are put together here."""

    connection: Connection
    address: str
    status: Status
    account: str
    components: str
    next_step: str  # what is still to be done, where it never got a verdict

    @classmethod
    def of(cls, connection: Connection) -> "Row":
        """The row of a connection, whose roles are prefetched."""
        count = len(connection.roles.all())
        account = _("AWS account %s") % in_groups(connection.account_id) if connection.account_id else ""
        step = step_of(connection, verified=False) if _is_on_its_way(connection) else None
        return cls(
            connection=connection,
            address=reverse("connection", args=[connection.tenant_id, connection.pk]),
            status=connection.status,
            account=account or _("No AWS account named yet"),
            components=ngettext("%d component", "%d components", count) % count,
            next_step=_("next: %s") % step.words if step else "",
        )


def _is_on_its_way(connection: Any) -> bool:  # what `with_verification` adds is not in its type
    """Whether there is a next step: it never got a verdict, and is not asked for or going."""
    return (
        connection.verified_at is None and not connection.is_being_verified and connection.removal_requested_at is None
    )


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
    found = Connection.objects.for_tenant(request.tenant.pk).found_by(wanted.get("q", "")).with_urgency()
    tallies = found.counts_by_status()
    status = wanted.get("status", "")
    if status:
        found = found.of_status([status])
    count = tallies.get(Status(status), 0) if status else sum(tallies.values())
    order = ORDERS[wanted.get("sort") or "newest"]
    rows = found.with_verification().prefetch_related(_STATUSES).order_by(*order)
    page = _Counted(rows, count).get_page(request.GET.get("page"))
    shown = [Row.of(one) for one in page]
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {
        "section": "connections",
        "form": form,
        "rows": shown,
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
            "%d connection is verified now. Its status changes here as soon as it is done.",
            "%d connections are verified now, a few at a time. Their statuses change here as they are done.",
            count,
        )
        messages.success(request, words % count)
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
