"""The settings of a tenant: its name, second factors, notification addresses, export, and deletion."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from tenants.access import MemberRequest, member, public
from tenants.actions import deletion, recovery
from tenants.actions import settings as actions
from tenants.actions.deletion import NotDue
from tenants.actions.settings import AddressRefused, UnusableLink
from tenants.audit import Actor
from tenants.forms import NotificationAddressForm, SettingsForm, TypedNameForm
from tenants.limits import TooOften
from tenants.models import NotificationAddress, Recovery
from tenants.permissions import Permission
from tenants.scope import tenant_scope


@member(Permission.ADMINISTER)
def tenant_settings(request: MemberRequest) -> HttpResponse:
    """The tenant's settings, changed by posting them."""
    tenant = request.tenant
    form = SettingsForm(request.POST or None, initial=SettingsForm.initial_of(tenant))
    status = 200
    if request.method == "POST":
        if form.is_valid():
            actions.change_settings(tenant=tenant, by=Actor.user(request.user), **form.cleaned_data)
            messages.success(request, _("The settings are saved."))
            return redirect("tenant_settings", tenant_id=tenant.pk)
        status = 422
    return _page(request, status=status, form=form)


@member(Permission.ADMINISTER)
def notification_address_add(request: MemberRequest) -> HttpResponse:
    """Add an address; a link goes there."""
    if request.method != "POST":
        return redirect("tenant_settings", tenant_id=request.tenant.pk)
    form = NotificationAddressForm(request.POST)
    if form.is_valid():
        try:
            added = actions.add_notification_address(
                tenant=request.tenant, email=form.cleaned_data["email"], by=Actor.user(request.user)
            )
        except (AddressRefused, TooOften) as refusal:
            form.add_error("email", str(refusal))
        else:
            messages.success(request, _("We sent a link to %s. It is told nothing until it is opened.") % added.email)
            return redirect("tenant_settings", tenant_id=request.tenant.pk)
    return _page(request, status=422, address_form=form)


@member(Permission.ADMINISTER)
def notification_address_remove(request: MemberRequest, address_id: UUID) -> HttpResponse:
    """Remove an address."""
    if request.method == "POST":
        try:
            actions.remove_notification_address(
                tenant=request.tenant, address_id=address_id, by=Actor.user(request.user)
            )
        except NotificationAddress.DoesNotExist:
            raise Http404 from None
    elif not NotificationAddress.objects.filter(tenant_id=request.tenant.pk, pk=address_id).exists():
        raise Http404
    return redirect("tenant_settings", tenant_id=request.tenant.pk)


@public
@never_cache
def notification_address_confirm(request: HttpRequest, secret: str) -> HttpResponse:
    """Where the link leads; a button confirms, since mail servers open links by themselves."""
    try:
        if request.method == "POST":
            address = actions.confirm_notification_address(secret=secret, by=Actor.link())
            return render(request, "tenants/notification_address.html", {"address": address, "confirmed": True})
        address = actions.find_notification_address(secret)
    except UnusableLink:
        return render(request, "tenants/notification_address.html", {"address": None}, status=404)
    return render(request, "tenants/notification_address.html", {"address": address})


@member(Permission.OWN, scope=False)
def data_export(request: MemberRequest) -> HttpResponseBase:
    """All that is kept for the tenant, as a file."""
    if request.method != "POST":
        return redirect("tenant_settings", tenant_id=request.tenant.pk)
    try:
        document = actions.export_data(tenant=request.tenant, by=Actor.user(request.user))
    except TooOften as refusal:
        messages.error(request, str(refusal))
        return redirect("tenant_settings", tenant_id=request.tenant.pk)
    response = StreamingHttpResponse(document, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="rolebridge-{request.tenant.reference}.json"'
    return response


@member(Permission.OWN, scope=False)
def recovery_cancel(request: MemberRequest, recovery_id: UUID) -> HttpResponse:
    """Call off what our support asked for."""
    if request.method == "POST":
        try:
            recovery.cancel_recovery(tenant_id=request.tenant.pk, recovery_id=recovery_id, by=Actor.user(request.user))
        except Recovery.DoesNotExist:
            raise Http404 from None
        messages.success(request, _("The recovery is called off."))
    else:
        with tenant_scope(request.tenant.pk):
            get_object_or_404(Recovery, tenant_id=request.tenant.pk, pk=recovery_id)
    return redirect("tenant_settings", tenant_id=request.tenant.pk)


@member(Permission.OWN)
def tenant_delete(request: MemberRequest) -> HttpResponse:
    """Ask for the tenant's name, then for its deletion."""
    form = TypedNameForm(request.POST or None, name=request.tenant.name)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            deletion.request_deletion(tenant=request.tenant, by=Actor.user(request.user))
            return redirect("tenant_settings", tenant_id=request.tenant.pk)
        status = 422
    context = {"section": "settings", "form": form, "days": deletion.GRACE.days}
    return render(request, "tenants/tenant_delete.html", context, status=status)


@member(Permission.OWN)
def tenant_delete_cancel(request: MemberRequest) -> HttpResponse:
    """Call the deletion off."""
    if request.method == "POST":
        try:
            deletion.cancel_deletion(tenant=request.tenant, by=Actor.user(request.user))
        except NotDue as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("The deletion is called off."))
    return redirect("tenant_settings", tenant_id=request.tenant.pk)


def _page(request: MemberRequest, *, status: int = 200, **context: object) -> HttpResponse:
    tenant = request.tenant
    known = {
        "section": "settings",
        "form": SettingsForm(initial=SettingsForm.initial_of(tenant)),
        "address_form": NotificationAddressForm(),
        "recoveries": Recovery.objects.filter(tenant_id=tenant.pk, cancelled_at=None, done_at=None),
        "addresses": NotificationAddress.objects.filter(tenant_id=tenant.pk).order_by("email"),
    }
    return render(request, "tenants/settings.html", known | context, status=status)
