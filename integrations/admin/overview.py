"""What a list of connections for staff shows beside the connection itself, read in one query."""

from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.admin.labels import coloured, label, lines, link, moment
from integrations.models import Connection, Finding, ProvedAccount, Status, Verification

# Outcomes after which somebody must act.
NOT_WELL = (Finding.Outcome.DENIED, Finding.Outcome.VIOLATED, Finding.Outcome.ERROR)


def with_overview(connections: QuerySet[Connection]) -> QuerySet[Any]:
    """Connections with `shown_status`, `since`, `last_id`, `last_state`, `last_at`, `who_acts` and `proved_by`.

    The status is the worst of the customer roles', as `Connection.status` says it, from the copy that a list of 100,000
    can be filtered by.
    """
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
        shown_status=F("worst_status"),
        since=F("worst_status_since"),
        last_id=Subquery(last.values("pk")[:1]),
        last_state=Subquery(last.values("state")[:1]),
        last_at=Subquery(last.values("requested_at")[:1]),
        who_acts=ArraySubquery(to_act),
        proved_by=Subquery(proved.values("tenant__name")[:1]),
    )


class OverviewColumns:
    """The columns of that overview."""

    @admin.display(description="status", ordering="worst_status")
    def status(self, connection: Any) -> SafeString:
        """The worst status of its customer roles."""
        return label(Status(connection.shown_status))

    @admin.display(description="status", ordering="worst_status_since")
    def status_and_since(self, connection: Any) -> SafeString:
        """Both in one column."""
        return lines(self.status(connection), moment(connection.since))

    @admin.display(description="since", ordering="worst_status_since")
    def status_since(self, connection: Any) -> SafeString | str:
        """Since when."""
        return moment(connection.since)

    @admin.display(description="last verification")
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

    @admin.display(description="account conflict")
    def account_conflict(self, connection: Any) -> SafeString | str:
        """Whether another tenant has proved that the account is its own (F11)."""
        return coloured(f"Proved by {connection.proved_by}", "danger") if connection.proved_by else "none"
