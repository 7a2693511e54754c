"""Connections for support staff: found, understood, and verified anew on request."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import chain, zip_longest
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.admin.connection_actions import ConnectionActions, ask_for_verification
from integrations.admin.labels import coloured, label, lines, link, moment
from integrations.admin.last_verification import hops, message, with_causes
from integrations.admin.overview import OverviewColumns, with_overview
from integrations.models import Connection, CustomerRole, ExternalIdRotation, Finding, Status, Verification
from tenants.admin import ReadOnlyAdmin, ReadOnlyInline
from tenants.audit import Actor
from tenants.models import Member, Tenant, User
from tenants.staff_forms import FormPage, ReasonForm

MOST_AT_ONCE = 100

_ROLE_NAME = re.compile(r"rolebridge-([a-z0-9]{10})-[a-z0-9-]+$")
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::(?P<account>[0-9]{12}):role/.+")
_EXTERNAL_ID = re.compile(r"rb-[a-z2-7]{32}")
MOST_OF_ACCOUNT = 500  # connections that may name one account; more than one is rare
_ACCOUNT_ID = re.compile(r"\d{4}[ -]?\d{4}[ -]?\d{4}")


class StatusFilter(admin.SimpleListFilter):
    """By the status a connection shows."""

    title = "status"
    parameter_name = "status"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Every status."""
        return [(status.value, str(status.label)) for status in Status]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that show it."""
        return queryset.filter(shown_status=self.value()) if self.value() else queryset


class AgeFilter(admin.SimpleListFilter):
    """By how long a connection has shown its status."""

    title = "in this status"
    parameter_name = "for"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Ages in hours that support asks about."""
        return [("1", "for an hour or longer"), ("24", "for a day"), ("72", "for 3 days"), ("168", "for a week")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those in their status for so long."""
        hours = dict.fromkeys(("1", "24", "72", "168")).keys() & {self.value()}
        return queryset.filter(since__lte=timezone.now() - timedelta(hours=int(hours.pop()))) if hours else queryset


class ConflictFilter(admin.SimpleListFilter):
    """By whether another tenant has proved the account (F11)."""

    title = "account conflict"
    parameter_name = "conflict"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Only those with one."""
        return [("yes", "proved by another tenant")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those whose account another tenant has proved."""
        return queryset.filter(proved_by__isnull=False) if self.value() == "yes" else queryset


class CustomerRoleInline(ReadOnlyInline):
    """The customer roles of a connection."""

    model = CustomerRole
    fields = ("component", "arn", "how_it_is", "since", "worked", "quarantine")

    @admin.display(description="role ARN")
    def arn(self, role: CustomerRole) -> SafeString:
        """Its ARN, or its name as long as there is no account."""
        return lines(role.arn or role.name)

    @admin.display(description="status")
    def how_it_is(self, role: CustomerRole) -> SafeString:
        """What is known of it."""
        return label(Status(role.status))

    @admin.display(description="since")
    def since(self, role: CustomerRole) -> SafeString | str:
        """Since when."""
        return moment(role.status_since)

    @admin.display(description="last worked")
    def worked(self, role: CustomerRole) -> SafeString | str:
        """When the chain last worked."""
        return moment(role.worked_at)

    @admin.display(description="quarantine")
    def quarantine(self, role: CustomerRole) -> SafeString | str:
        """Whether it is quarantined, and how far it is on its way out."""
        return coloured(f"clean rounds: {role.clean_rounds}", "danger") if role.quarantined else "-"


class VerificationInline(ReadOnlyInline):
    """The verifications of a connection, the latest first."""

    model = Verification
    fields = ("asked_at", "how_far", "failure", "requested_by", "ended_at")

    @admin.display(description="requested at")
    def asked_at(self, verification: Verification) -> SafeString:
        """When it was asked for, with a link to what it found."""
        return link("integrations_verification_change", verification.pk, moment(verification.requested_at))

    @admin.display(description="state")
    def how_far(self, verification: Verification) -> SafeString:
        """How far it is."""
        return label(Verification.State(verification.state))

    @admin.display(description="finished at")
    def ended_at(self, verification: Verification) -> SafeString | str:
        """When it ended."""
        return moment(verification.finished_at)


class ExternalIdRotationInline(ReadOnlyInline):
    """The rotations of a connection's external ID, the latest first: who began each, and when it came how far."""

    model = ExternalIdRotation
    fields = ("how_far", "previous_external_id", "new_external_id", "began", "all_moved", "ended")

    @admin.display(description="state")
    def how_far(self, rotation: ExternalIdRotation) -> SafeString:
        """How far it is."""
        return label(rotation.state)

    @admin.display(description="begun")
    def began(self, rotation: ExternalIdRotation) -> SafeString:
        """When, and by whom."""
        return format_html("{} by {}", moment(rotation.started_at), rotation.started_by)

    @admin.display(description="all roles moved")
    def all_moved(self, rotation: ExternalIdRotation) -> SafeString | str:
        """When every role had accepted the new external ID."""
        return moment(rotation.all_moved_at)

    @admin.display(description="ended")
    def ended(self, rotation: ExternalIdRotation) -> SafeString | str:
        """When it was finished or called off; who called it off stands in the audit log."""
        return moment(rotation.finished_at or rotation.cancelled_at)


@admin.register(Connection)
class ConnectionAdmin(ConnectionActions, OverviewColumns, ReadOnlyAdmin):
    """Connections of all tenants."""

    list_display = (
        "name",
        "tenant",
        "account_id",
        "status_and_since",
        "last_verification",
        "who_must_act",
        "account_conflict",
    )
    list_filter = (StatusFilter, AgeFilter, ConflictFilter)
    list_select_related = ("tenant",)
    search_fields = ("account_id",)  # that there is a search; `get_search_results` says how
    search_help_text = "Account id, external ID, role name or ARN, tenant, customer number, or a member's email address"
    fields = (
        ("name", "tenant"),
        ("account_id", "account_conflict"),
        "its_external_id",
        ("status", "status_since"),
        ("last_verification", "who_must_act"),
        "hop_by_hop",
        "message_to_send",
        ("reference", "created_at"),
        ("next_verification_at", "removed_at"),
    )
    readonly_fields = (
        "name",
        "tenant",
        "account_id",
        "account_conflict",
        "its_external_id",
        "status",
        "status_since",
        "reference",
        "last_verification",
        "who_must_act",
        "hop_by_hop",
        "message_to_send",
        "created_at",
        "next_verification_at",
        "removed_at",
    )
    inlines = (CustomerRoleInline, VerificationInline, ExternalIdRotationInline)
    ordering = ("-created_at",)
    actions = ("ask_for_verification",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With all that the list shows."""
        return with_overview(super().get_queryset(request).select_related("tenant"))

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 — Django gives it
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """By what customers paste: a role's ARN or name, an account id with or without dashes, an external ID, an email
        address, or the name of their organisation. Each is asked of the one index that knows it.
        """
        term = search_term.strip()
        return (queryset.filter(_found_by(term)) if term else queryset), False

    @admin.display(description="external ID")
    def its_external_id(self, connection: Connection) -> str:
        """Made once, and changed by its rotation alone."""
        due = f" ({connection.get_external_id_origin_display()})" if connection.is_imported else ""
        return f"{connection.external_id}{due}"

    @admin.display(description="the last verification, hop by hop")
    def hop_by_hop(self, connection: Any) -> SafeString | str:
        """How far each role's chain got."""
        return hops(Finding.objects.filter(verification=connection.last_id))

    @admin.display(description="message to send")
    def message_to_send(self, connection: Any) -> SafeString | str:
        """What the last verification asks of the customer, ready to be sent."""
        return message(with_causes(Finding.objects.filter(verification=connection.last_id)))

    @admin.action(description="Ask for a new verification", permissions=["view"])
    def ask_for_verification(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        """Ask for one verification of each connection, with a reason; the customer sees who asked, and why."""
        assert isinstance(request.user, User)  # noqa: S101 — staff is signed in
        chosen = list(queryset.order_by("created_at").values_list("tenant_id", "pk", "name")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(request, f"Choose {MOST_AT_ONCE} connections at the most.", messages.ERROR)
            return None
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            hidden = [("action", "ask_for_verification"), *(("_selected_action", key) for _, key, _ in chosen)]
            page = FormPage(self.admin_site, "Ask for a new verification", f"Of {len(chosen)} connections")
            return page.page(request, form, hidden=hidden)
        by = Actor.staff(request.user, form.cleaned_data["reason"])
        asked = 0
        for tenant_id, connection_id, name in _in_turn(chosen):
            problem = ask_for_verification(tenant_id, connection_id, by)
            if problem:
                self.message_user(request, f"{name}: {problem}", messages.WARNING)
            else:
                asked += 1
        if asked:
            self.message_user(request, f"A verification is under way for {asked} of {len(chosen)}.", messages.SUCCESS)
        return None


def _found_by(term: str) -> Q:
    if role := _ROLE_ARN.fullmatch(term):
        of_account = Connection.objects.filter(account_id=role["account"]).prefetch_related("roles")[:MOST_OF_ACCOUNT]
        found = [
            connection.pk
            for connection in of_account
            if any(customer_role.arn == term for customer_role in connection.roles.all())
        ]
        return Q(pk__in=found)
    if "@" in term:
        members = Member.objects.filter(user__email__icontains=term)
        return Q(tenant__in=members.values("tenant")) | Q(external_id__startswith=term)
    if role := _ROLE_NAME.search(term):
        return Q(reference=role[1])
    if _ACCOUNT_ID.fullmatch(term):
        return Q(account_id=re.sub(r"\D", "", term))
    if _EXTERNAL_ID.fullmatch(term):
        return Q(external_id=term)
    tenants = Tenant.objects.filter(Q(name__icontains=term) | Q(customer_number=term) | Q(reference=term))
    return (
        Q(account_id__startswith=term)
        | Q(external_id__startswith=term)
        | Q(reference=term)
        | Q(tenant__in=tenants.values("pk"))
    )


def _in_turn(chosen: Iterable[tuple[UUID, UUID, str]]) -> Iterator[tuple[UUID, UUID, str]]:
    """One of each tenant in turn, so that a tenant with many connections keeps nobody waiting."""
    of_tenant: dict[UUID, list[tuple[UUID, UUID, str]]] = defaultdict(list)
    for row in chosen:
        of_tenant[row[0]].append(row)
    return (row for row in chain.from_iterable(zip_longest(*of_tenant.values())) if row is not None)
