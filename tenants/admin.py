"""What support staff see of members, API tokens and audit events, and what every page for staff shares."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.db.utils import DataError
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from tenants.actions.staff import note_list, note_view
from tenants.audit import ACTOR_KINDS, Actor
from tenants.models import ApiToken, AuditEvent, Member, Tenant, User

COUNTED_TO = 10_000  # rows of a list that are counted one by one


class ReadOnly:
    """Staff look; nobody adds, changes or deletes here. What staff may do are actions, which customers can see."""

    def has_view_permission(self, request: HttpRequest, _obj: Model | None = None) -> bool:
        """Every member of the support staff may look at everything."""
        return bool(request.user.is_active and request.user.is_staff)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same, for the list of pages."""
        return self.has_view_permission(request)

    def has_add_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Never."""
        return False


class PatientChangeList(ChangeList):  # type: ignore[misc]  # the theme has no types
    """A list whose filters are written by hand in the address as well: what no row can be is answered like an unknown
    filter, by the list without it.
    """

    def get_results(self, request: HttpRequest) -> None:
        """The rows.

        Raises:
            IncorrectLookupParameters: a filter asks for a value beyond what its column can hold.
        """
        try:
            super().get_results(request)
        except (OverflowError, ValueError, DataError) as error:
            raise IncorrectLookupParameters(error) from error


class EstimatingPaginator(Paginator):  # type: ignore[type-arg]  # Django gives it no type here
    """Pages of a list of any length: what a page costs does not grow with the rows before it or behind it.

    A list is counted to the end only while it is short; beyond that the number is the planner's estimate. The rows of a
    page are found first, by their keys, and only then is all read that the list shows beside them.
    """

    object_list: Any

    @cached_property
    def count(self) -> int:
        """How many rows there are, about."""
        rows = self.object_list.order_by().values("pk")
        counted = int(rows[: COUNTED_TO + 1].count())
        if counted <= COUNTED_TO:
            return counted
        (planned,) = json.loads(rows.explain(format="json"))
        return max(COUNTED_TO, int(planned["Plan"]["Plan Rows"]))

    def page(self, number: int | str) -> Page[Any]:
        """A page, whose rows are read by their keys."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        keys = list(self.object_list.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(self.object_list.filter(pk__in=keys), number, self)


class ReadOnlyAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A page of lists and details to read."""

    list_per_page = 50
    paginator = EstimatingPaginator
    show_full_result_count = False  # counting every row a second time is what makes long lists slow
    list_fullwidth = True

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page of one thing; that it was opened stands in its tenant's audit log, where the customer sees it."""
        response: HttpResponse = super().change_view(request, object_id, *args, **kwargs)
        seen = self.get_object(request, object_id) if response.status_code == 200 else None
        if seen is not None and isinstance(request.user, User):
            tenant_id = seen.pk if isinstance(seen, Tenant) else getattr(seen, "tenant_id", None)
            if tenant_id is not None:
                note_view(tenant_id=tenant_id, seen=seen, by=Actor.staff(request.user))
        return response

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; that it was opened stands in the installation's audit events, where it shows customers' things."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        of_tenants = self.model is Tenant or any(
            field.name in {"tenant", "tenant_id"} for field in self.model._meta.fields
        )
        if of_tenants and request.method == "GET" and response.status_code == 200 and isinstance(request.user, User):
            note_list(
                seen=self.model,
                viewer=request.user,
                page=request.GET.get("p", "1")[:10],
                searched=bool(request.GET.get("q")),
                by=Actor.staff(request.user),
            )
        return response

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Do what was chosen to the rows that were ticked.

        Raises:
            BadRequest: something that is no key of a row was sent as one, which Django would answer with a fault.
        """
        for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
            try:
                self.model._meta.pk.to_python(key)
            except ValidationError as error:
                raise BadRequest("What was ticked is no row of this list. Load the page again.") from error
        done: HttpResponse | None = super().response_action(request, queryset)
        return done

    def get_changelist(self, _request: HttpRequest, **_: Any) -> type[ChangeList]:
        """The list that bears any filter."""
        return PatientChangeList


class ReadOnlyInline(ReadOnly, TabularInline):  # type: ignore[misc]  # the theme has no types
    """Rows of another model on a page, to read."""

    extra = 0
    per_page = 20
    hide_title = True

    def get_readonly_fields(self, _request: HttpRequest, _obj: Model | None = None) -> tuple[str, ...]:
        """Every field that is shown."""
        return tuple(self.fields)


class MemberInline(ReadOnlyInline):
    """The members of a tenant."""

    model = Member
    fields = ("user", "role", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        """With their users."""
        rows: QuerySet[Member] = super().get_queryset(request).select_related("user").order_by("created_at")
        return rows


class ApiTokenInline(ReadOnlyInline):
    """The API tokens of a tenant: never the token, and never its digest."""

    model = ApiToken
    fields = ("name", "prefix", "scopes", "created_by", "created_at", "expires_at", "last_used_at", "revoked_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        """With who made them."""
        rows: QuerySet[ApiToken] = super().get_queryset(request).select_related("created_by").order_by("-created_at")
        return rows.defer("digest")  # which the staff's database role may not read


class FindsByAddress:
    """Finds rows by somebody's email address, its beginning, or its domain (`@example.com`): what has an `@` is one,
    and is asked of the indexes that know it.

    `person` is the look-up from a row to the person.
    """

    person = ""

    def of_people(self, people: QuerySet[User]) -> Q:
        """The rows of these people."""
        return Q(**{f"{self.person}__in": people.values("pk")})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Those that fit, and whether rows may come twice."""
        if "@" not in search_term:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(  # type: ignore[misc]  # of the admin beside it
                request, queryset, search_term
            )
            return found
        return queryset.filter(self.of_people(User.objects.found_by(search_term))), False


@admin.register(Member)
class MemberAdmin(FindsByAddress, ReadOnlyAdmin):
    """Members of all tenants."""

    person = "user"

    list_display = ("user", "tenant", "role", "created_at")
    list_display_links = ("user",)
    list_filter = ("role",)
    list_select_related = ("user", "tenant")
    search_fields = ("user__email", "tenant__name")
    search_help_text = "Email address, its beginning or domain (@example.com), or tenant"
    fields = ("tenant", "user", "role", "created_at")
    readonly_fields = fields
    ordering = ("-pk",)


@admin.register(ApiToken)
class ApiTokenAdmin(FindsByAddress, ReadOnlyAdmin):
    """API tokens of all tenants: never the token, and never its digest."""

    person = "created_by"

    list_display = ("name", "tenant", "prefix", "created_by", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("tenant", "created_by")
    search_fields = ("prefix", "name", "tenant__name", "created_by__email")
    search_help_text = "Prefix, name, tenant, or email address, its beginning or domain (@example.com)"
    fields = (
        "tenant",
        "name",
        "prefix",
        "scopes",
        "created_by",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    readonly_fields = fields
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        """Without the digest, which the staff's database role may not read."""
        rows: QuerySet[ApiToken] = super().get_queryset(request).defer("digest")
        return rows


class ActorFilter(admin.SimpleListFilter):
    """By who acted. Django's own filter would look through every event for the kinds that there are."""

    title = "actor"
    parameter_name = "actor_kind"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Every kind."""
        return [(kind, kind) for kind in ACTOR_KINDS]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of that kind."""
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, newest first."""

    list_display = ("at", "action", "actor", "tenant", "target", "request_id")
    list_filter = (ActorFilter,)
    search_fields = ("=actor_name", "action__startswith", "=target_id", "=request_id")
    search_help_text = "Actor's email address, action, id of the target, or request id"
    fields = ("at", "tenant", "action", "actor", "target", "data", "request_id")
    readonly_fields = fields
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the tenant's name: an event has no foreign keys, since it outlives what it speaks of."""
        name = Tenant.objects.filter(pk=OuterRef("tenant_id")).values("name")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(tenant_name=Subquery(name))
        return rows

    @admin.display(description="tenant")
    def tenant(self, event: Any) -> str:
        """The tenant's name, or its id once it is gone."""
        return str(event.tenant_name or event.tenant_id or "")

    @admin.display(description="actor")
    def actor(self, event: AuditEvent) -> str:
        """Who acted, and as what."""
        return f"{event.actor_name} ({event.actor_kind})"

    @admin.display(description="target")
    def target(self, event: AuditEvent) -> str:
        """What was acted upon."""
        return f"{event.target_kind} {event.target_id}"
