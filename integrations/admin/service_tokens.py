"""Service tokens of the vendor's product: which there are, and, with the permission, made and revoked."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from integrations.admin.labels import coloured
from tenants.actions.service_tokens import LONGEST, create_service_token, revoke_service_token
from tenants.admin import ReadOnlyAdmin
from tenants.audit import Actor
from tenants.models import ServiceToken
from tenants.names import clean_name
from tenants.staff_forms import FormPage, ReasonForm

PERMISSION = "tenants.manage_service_tokens"


class RevokeForm(ReasonForm):
    """Why a token ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "The audit events keep it."


class ServiceTokenForm(RevokeForm):
    """What needs a token, and for how long."""

    name = forms.CharField(label="What uses it", max_length=100, widget=UnfoldAdminTextInputWidget)
    days = forms.IntegerField(
        label="Days until it ends",
        min_value=1,
        max_value=LONGEST.days,
        initial=90,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    field_order = ["name", "days", "reason"]

    def clean_name(self) -> str:
        """The name as it is kept."""
        return clean_name(self.cleaned_data["name"])


@admin.register(ServiceToken)
class ServiceTokenAdmin(ReadOnlyAdmin):
    """Service tokens: never the token, and never its digest."""

    list_display = ("name", "prefix", "state", "created_by", "created_at", "expires_at", "last_used_at")
    search_fields = ("name", "=prefix", "=created_by")
    fields = (
        ("name", "prefix"),
        "state",
        ("created_at", "created_by"),
        "reason",
        ("expires_at", "last_used_at"),
        ("revoked_at", "revoked_by"),
        "revoke_reason",
    )
    readonly_fields = (
        "name",
        "prefix",
        "state",
        "created_at",
        "created_by",
        "reason",
        "expires_at",
        "last_used_at",
        "revoked_at",
        "revoked_by",
        "revoke_reason",
    )
    ordering = ("-created_at",)
    actions_list = ("make",)
    actions_detail = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServiceToken]:
        """Without the digest, which the staff's database role may not read."""
        rows: QuerySet[ServiceToken] = super().get_queryset(request).defer("digest")
        return rows

    def has_manage_permission(self, request: HttpRequest, _object_id: str | Model | None = None) -> bool:
        """Who may make and revoke them."""
        return self.has_view_permission(request) and request.user.has_perm(PERMISSION)

    @action(description="Make a service token", url_path="make", permissions=["manage"])  # type: ignore[untyped-decorator]  # the theme has no types
    def make(self, request: HttpRequest) -> HttpResponse:
        """Make one; the answer is the one page that ever shows it."""
        form = ServiceTokenForm(request.POST if request.method == "POST" else None)
        page = FormPage(self.admin_site, "Make a service token", "It reads across tenants what opens a session.")
        if not form.is_bound or not form.is_valid():
            return page.page(request, form)
        data = form.cleaned_data
        by = Actor.staff(request.user)  # type: ignore[arg-type]  # staff is signed in
        token, text = create_service_token(name=data["name"], days=data["days"], reason=data["reason"], by=by)
        shown = FormPage(self.admin_site, f"{token.name} is made", f"It ends on {token.expires_at:%Y-%m-%d}.")
        return shown.page(request, ServiceTokenForm(), new_token_text=text)

    @action(description="Revoke it", url_path="revoke", permissions=["manage"])  # type: ignore[untyped-decorator]  # as above
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End it at once."""
        try:
            token = ServiceToken.objects.defer("digest").get(pk=UUID(object_id))
        except (ValueError, ServiceToken.DoesNotExist):
            raise Http404 from None
        form = RevokeForm(request.POST if request.method == "POST" else None)

        def act(by: Actor) -> str:
            revoke_service_token(token_id=token.pk, reason=by.reason, by=by)
            return f"{token} is revoked. What uses it is refused from now on."

        page = FormPage(self.admin_site, "Revoke the service token", str(token))
        return page.answer(request, form, act, back=reverse("admin:tenants_servicetoken_change", args=[token.pk]))

    @admin.display(description="state")
    def state(self, token: ServiceToken) -> SafeString:
        """Whether it lets in."""
        if token.revoked_at is not None:
            return coloured("Revoked", "")
        return coloured("Valid", "success") if token.is_valid else coloured("Expired", "warning")
