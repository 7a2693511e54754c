"""What support staff may do with a tenant, each a form of its own in Django admin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants import limits
from tenants.actions.invitations import send_invitation_again
from tenants.actions.recovery import DELAY, request_recovery
from tenants.actions.settings import set_customer_number
from tenants.actions.tokens import revoke_token
from tenants.audit import Actor
from tenants.models import ApiToken, Invitation, Recovery, Tenant, User
from tenants.names import clean_name
from tenants.scope import tenant_scope


class ReasonForm(forms.Form):
    """Why staff does something to a customer's things."""

    reason = forms.CharField(
        max_length=500,
        help_text="The customer reads it in their audit log.",
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_reason(self) -> str:
        """The reason on one line."""
        return clean_name(self.cleaned_data["reason"])


@dataclass(frozen=True)
class FormPage:
    """A form of its own in Django admin, whose answer is one action or what stands in its way."""

    site: Any
    title: str
    about: str

    def answer(self, request: HttpRequest, form: forms.Form, act: Callable[[Actor], str], *, back: str) -> HttpResponse:
        """The form, or what came of it: `act` does it and gives what to say; its refusals are ValueErrors whose message
        says what to do. The form's `reason`, if it has one, goes with whoever acts.
        """
        if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
            try:
                done = act(Actor.staff(request.user, form.cleaned_data.get("reason", "")))
            except (ValueError, limits.TooOften) as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, done)
                return redirect(back)
        return self.page(request, form)

    def page(self, request: HttpRequest, form: forms.Form, **more: Any) -> TemplateResponse:
        """The form as it is now."""
        context = self.site.each_context(request) | {"title": self.title, "about": self.about, "form": form} | more
        return TemplateResponse(request, "tenants/staff_form.html", context, status=422 if form.is_bound else 200)


class CustomerNumberForm(forms.Form):
    """The vendor's own number of a customer."""

    number = forms.CharField(max_length=40, required=False, widget=UnfoldAdminTextInputWidget)

    def clean_number(self) -> str:
        """The number as it is kept."""
        return clean_name(self.cleaned_data["number"])


class RecoveryForm(forms.Form):
    """What is lost, of whom, and why staff is sure."""

    kind = forms.ChoiceField(label="What", choices=Recovery.Kind.choices, widget=UnfoldAdminSelectWidget)
    email = forms.EmailField(label="Email of the person", max_length=254, widget=UnfoldAdminEmailInputWidget)
    reason = forms.CharField(
        max_length=500,
        help_text=f"What you know and how you know it. All owners read it, and nothing happens for {DELAY.days} days.",
        widget=UnfoldAdminTextInputWidget,
    )


class StaffForms:
    """Buttons on the page of a tenant."""

    admin_site: Any
    actions_detail = ("resend_invitation", "revoke_token", "customer_number", "recovery")

    @action(description="Send an invitation again", url_path="resend-invitation", permissions=["view"])  # type: ignore[untyped-decorator]  # the theme has no types
    def resend_invitation(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send an open or expired invitation again, as it is."""
        tenant = _tenant(object_id)
        waiting = Invitation.objects.defer("digest").filter(tenant=tenant, accepted_at=None, revoked_at=None)
        form = _choice_form(request, "Invitation", {str(row.pk): f"{row.email} ({row.role})" for row in waiting})

        def act(by: Actor) -> str:
            with tenant_scope(tenant.pk):
                sent = send_invitation_again(tenant=tenant, invitation_id=UUID(form.cleaned_data["chosen"]), by=by)
            return f"The invitation of {sent.email} is sent again; the link before it ends."

        return self._answer(request, tenant, form, "Send an invitation again", act)

    @action(description="Revoke an API token", url_path="revoke-token", permissions=["view"])  # type: ignore[untyped-decorator]  # as above
    def revoke_token(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End an API token of the tenant at once."""
        tenant = _tenant(object_id)
        tokens = ApiToken.objects.defer("digest").filter(tenant=tenant, revoked_at=None)
        form = _choice_form(request, "API token", {str(row.pk): str(row) for row in tokens})

        def act(by: Actor) -> str:
            with tenant_scope(tenant.pk):
                ended = revoke_token(tenant=tenant, token_id=UUID(form.cleaned_data["chosen"]), by=by)
            return f"{ended} is revoked. Programs that use it are refused from now on."

        return self._answer(request, tenant, form, "Revoke an API token", act)

    @action(description="Set the customer number", url_path="customer-number", permissions=["view"])  # type: ignore[untyped-decorator]  # as above
    def customer_number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Set the vendor's own number."""
        tenant = _tenant(object_id)
        form = CustomerNumberForm(request.POST or None, initial={"number": tenant.customer_number})

        def act(by: Actor) -> str:
            with tenant_scope(tenant.pk):
                set_customer_number(tenant=tenant, number=form.cleaned_data["number"], by=by)
            return "The customer number is set."

        return self._answer(request, tenant, form, "Set the customer number", act)

    @action(description="Ask for a recovery", url_path="recovery", permissions=["view"])  # type: ignore[untyped-decorator]  # as above
    def recovery(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the recovery of a lost owner or second factor."""
        tenant = _tenant(object_id)
        form = RecoveryForm(request.POST or None)

        def act(by: Actor) -> str:
            data = form.cleaned_data
            request_recovery(
                tenant_id=tenant.pk,
                kind=Recovery.Kind(data["kind"]),
                email=data["email"],
                reason=data["reason"],
                by=by,
            )
            return f"All owners are told. It is carried out in {DELAY.days} days unless one of them calls it off."

        return self._answer(request, tenant, form, "Ask for a recovery", act)

    def _answer(
        self, request: HttpRequest, tenant: Tenant, form: forms.Form, title: str, act: Callable[[Actor], str]
    ) -> HttpResponse:
        page = FormPage(self.admin_site, title, about=f"{tenant.name} ({tenant.reference})")
        return page.answer(request, form, act, back=reverse("admin:tenants_tenant_change", args=[tenant.pk]))


def _choice_form(request: HttpRequest, what: str, choices: dict[str, str]) -> ReasonForm:
    """A reason, and which of these."""
    form = ReasonForm(request.POST if request.method == "POST" else None)
    form.fields["chosen"] = forms.ChoiceField(label=what, choices=list(choices.items()), widget=UnfoldAdminSelectWidget)
    form.order_fields(["chosen", "reason"])
    return form


def _tenant(object_id: str) -> Tenant:
    try:
        return Tenant.objects.get(pk=UUID(object_id))
    except (ValueError, Tenant.DoesNotExist):
        raise Http404 from None
