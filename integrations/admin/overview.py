"""What a list of connections for staff shows beside the connection itself, read in one query."""

from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.admin.labels import coloured, label, lines, link, moment
from integrations.models import Connection, CustomerRole, Finding, ProvedAccount, Status, Verification
from integrations.models.connection import OUT_OF_USE, WORST_FIRST

# Outcomes after which somebody must act.
NOT_WELL = (Finding.Outcome.DENIED, Finding.Outcome.VIOLATED, Finding.Outcome.ERROR)


def with_overview(connections: QuerySet[Connection]) -> QuerySet[Any]:
    """Connections with `shown_status`, `since`, `last_id`, `last_state`, `last_at`, `who_acts` and `proved_by`.

    The status is the worst of the customer roles', as `Connection.status` says it; here PostgreSQL finds it, so that a
    list can be filtered by it.
    """
    badness = Case(
        *(When(status=status, then=Value(rank)) for rank, status in enumerate((*WORST_FIRST, *OUT_OF_USE))),
        output_field=IntegerField(),
    )
    worst_role = CustomerRole.objects.filter(connection=OuterRef("pk")).order_by(badness, "status_since")
    last = Verification.objects.filter(connection=OuterRef("pk")).order_by("-requested_at")
    to_act = (
        Finding.objects.filter(verification=OuterRef("last_id"), outcome__in=NOT_WELL)
        .exclude(who=Finding.Who.NOBODY)
        .order_by("who")
        .values("who")
        .distinct()
    )
    proved = ProvedAccount.objects.filter(account_id=OuterRef("account_id")).exclude(tenant=OuterRef("tenant"))
    return connections.annotate(
        shown_status=Coalesce(Subquery(worst_role.values("status")[:1]), Value(Status.AWAITING.value)),
        since=Coalesce(Subquery(worst_role.values("status_since")[:1]), "created_at"),
        last_id=Subquery(last.values("pk")[:1]),
        last_state=Subquery(last.values("state")[:1]),
        last_at=Subquery(last.values("requested_at")[:1]),
        who_acts=ArraySubquery(to_act),
        proved_by=Subquery(proved.values("tenant__name")[:1]),
    )


class OverviewColumns:
    """The columns of that overview."""

    @admin.display(description="status", ordering="shown_status")
    def status(self, connection: Any) -> SafeString:
        """The worst status of its customer roles."""
        return label(Status(connection.shown_status))

    @admin.display(description="status", ordering="since")
    def status_and_since(self, connection: Any) -> SafeString:
        """Both in one column."""
        return lines(self.status(connection), moment(connection.since))

    @admin.display(description="since", ordering="since")
    def status_since(self, connection: Any) -> SafeString | str:
        """Since when."""
        return moment(connection.since)

    @admin.display(description="last verification", ordering="last_at")
    def last_verification(self, connection: Any) -> str | SafeString:
        """When it was asked for and how it ended, with a link."""
        if connection.last_id is None:
            return "never"
        ended = Verification.State(connection.last_state).label.lower()
        at = link("integrations_verification_change", connection.last_id, moment(connection.last_at))
        return format_html("{} {}", at, ended)

    @admin.display(description="who must act")
    def who_must_act(self, connection: Any) -> str:
        """By the findings of the last verification."""
        return ", ".join(str(Finding.Who(who).label) for who in connection.who_acts) or "nobody"

    @admin.display(description="account conflict", ordering="proved_by")
    def account_conflict(self, connection: Any) -> SafeString | str:
        """Whether another tenant has proved that the account is its own (F11)."""
        return coloured(f"Proved by {connection.proved_by}", "danger") if connection.proved_by else "none"
