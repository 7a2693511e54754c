"""A tenant on one page for support staff: its connections, how they are, who must act, its people."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString

from integrations.admin.labels import link
from integrations.admin.last_verification import hops, message, with_causes
from integrations.admin.overview import OverviewColumns, with_overview
from integrations.models import Connection, Finding, Verification
from tenants.admin import ApiTokenInline, FindsByAddress, MemberInline, ReadOnlyAdmin, ReadOnlyInline
from tenants.models import Member, Tenant, User
from tenants.staff_forms import StaffForms


class ConnectionInline(OverviewColumns, ReadOnlyInline):
    """The connections of a tenant."""

    model = Connection
    fields = (
        "its_name",
        "account_id",
        "status_and_since",
        "last_verification",
        "who_must_act",
        "account_conflict",
    )
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With all that the table shows."""
        return with_overview(super().get_queryset(request)).order_by("-created_at")

    @admin.display(description="name")
    def its_name(self, connection: Connection) -> SafeString:
        """With a link to its own page."""
        return link("integrations_connection_change", connection.pk, connection.name)


@admin.register(Tenant)
class TenantAdmin(FindsByAddress, StaffForms, ReadOnlyAdmin):
    """Tenants."""

    list_display = ("name", "customer_number", "connections", "members", "reference", "created_at")
    search_fields = ("name", "=reference", "customer_number__startswith", "members__user__email")
    search_help_text = "Name, reference, customer number, or a member's email address, its beginning or domain (@…)"
    fields = (("name", "reference"), "customer_number", ("id", "created_at"), "hop_by_hop", "message_to_send")
    readonly_fields = (
        "name",
        "reference",
        "customer_number",
        "id",
        "created_at",
        "hop_by_hop",
        "message_to_send",
    )
    inlines = (ConnectionInline, MemberInline, ApiTokenInline)
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With how many connections and members there are."""
        rows: QuerySet[Any] = super().get_queryset(request)
        counts = {"connection_count": _count(Connection.objects), "member_count": _count(Member.objects)}
        counted: QuerySet[Any] = rows.annotate(**counts)
        return counted

    def of_people(self, people: QuerySet[User]) -> Q:
        """The tenants of these people, each once."""
        return Q(pk__in=Member.objects.filter(user__in=people.values("pk")).values("tenant"))

    @admin.display(description="last verifications, hop by hop")
    def hop_by_hop(self, tenant: Tenant) -> SafeString | str:
        """How far the chain of each role got."""
        return hops(_last_findings(tenant))

    @admin.display(description="message to send")
    def message_to_send(self, tenant: Tenant) -> SafeString | str:
        """What the last verifications ask of the customer, ready to be sent."""
        return message(with_causes(_last_findings(tenant)))

    @admin.display(description="connections")
    def connections(self, tenant: Any) -> int:
        """How many it has."""
        return int(tenant.connection_count)

    @admin.display(description="members")
    def members(self, tenant: Any) -> int:
        """How many it has."""
        return int(tenant.member_count)


def _last_findings(tenant: Tenant) -> QuerySet[Finding]:
    """The findings of the last verification of each of the tenant's connections."""
    last = Verification.objects.filter(connection=OuterRef("pk")).order_by("-requested_at").values("pk")[:1]
    of_tenant = Connection.objects.for_tenant(tenant.pk).annotate(last=Subquery(last)).values("last")
    return Finding.objects.filter(verification__in=of_tenant)


def _count(rows: Any) -> Coalesce:
    """How many of these rows the tenant has, counted apart so that two counts do not multiply."""
    counted = rows.filter(tenant=OuterRef("pk")).order_by().values("tenant").annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)
