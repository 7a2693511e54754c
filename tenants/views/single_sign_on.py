"""The settings of single sign-on: the tenant's provider and its domains."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from tenants.access import MemberRequest, member, public
from tenants.actions import single_sign_on as actions
from tenants.actions.single_sign_on import DomainRefused, NotPossible, UnusableDomainLink
from tenants.audit import Actor
from tenants.identity_provider import ProviderError
from tenants.limits import TooOften
from tenants.models import IdentityProvider, TenantDomain
from tenants.permissions import Permission
from tenants.scope import tenant_scope
from tenants.single_sign_on_forms import DomainForm, IdentityProviderForm


@member(Permission.OWN, scope=False)
def single_sign_on(request: MemberRequest) -> HttpResponse:
    """The tenant's provider, changed by posting it. Its discovery document is read before anything is saved."""
    if request.method != "POST":
        return _page(request)
    form = IdentityProviderForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        try:
            actions.look_up_provider(tenant=request.tenant, issuer=values["issuer"])
            with tenant_scope(request.tenant.pk):
                actions.configure_provider(tenant=request.tenant, by=Actor.user(request.user), **values)
        except (ProviderError, TooOften) as error:
            form.add_error("issuer", str(error))
        except NotPossible as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Single sign-on is saved."))
            return redirect("single_sign_on", tenant_id=request.tenant.pk)
    if form.data.get("client_secret"):
        # It is shown to nobody, so it is not in the form any more: sent again like that, the old one would stay.
        form.add_error("client_secret", _("Type the client secret again: nothing was saved, and it is never shown."))
    return _page(request, status=422, form=form)


@member(Permission.OWN)
def single_sign_on_remove(request: MemberRequest) -> HttpResponse:
    """Ask once more, then forget the provider."""
    if request.method != "POST":
        return render(request, "tenants/single_sign_on_remove.html", {"section": "settings"})
    actions.remove_provider(tenant=request.tenant, by=Actor.user(request.user))
    messages.success(request, _("Single sign-on is removed. Everybody signs in with their password."))
    return redirect("single_sign_on", tenant_id=request.tenant.pk)


@member(Permission.OWN, scope=False)
def domain_add(request: MemberRequest) -> HttpResponse:
    """Add a domain; a link goes to its postmaster or admin."""
    if request.method != "POST":
        return redirect("single_sign_on", tenant_id=request.tenant.pk)
    form = DomainForm(request.POST)
    if form.is_valid():
        try:
            with tenant_scope(request.tenant.pk):
                added = actions.add_domain(
                    tenant=request.tenant,
                    domain=form.cleaned_data["domain"],
                    mailbox=TenantDomain.Mailbox(form.cleaned_data["mailbox"]),
                    by=Actor.user(request.user),
                )
        except (DomainRefused, TooOften) as refusal:
            form.add_error("domain", str(refusal))
        else:
            messages.success(
                request,
                _("We sent a link to %(mailbox)s@%(domain)s. The domain counts once it is opened.")
                % {"mailbox": added.mailbox, "domain": added.domain},
            )
            return redirect("single_sign_on", tenant_id=request.tenant.pk)
    return _page(request, status=422, domain_form=form)


@member(Permission.OWN)
def domain_remove(request: MemberRequest, domain_id: UUID) -> HttpResponse:
    """Forget a domain."""
    if request.method == "POST":
        try:
            actions.remove_domain(tenant=request.tenant, domain_id=domain_id, by=Actor.user(request.user))
        except TenantDomain.DoesNotExist:
            raise Http404 from None
    elif not TenantDomain.objects.filter(tenant_id=request.tenant.pk, pk=domain_id).exists():
        raise Http404
    return redirect("single_sign_on", tenant_id=request.tenant.pk)


@public
@never_cache
def domain_confirm(request: HttpRequest, secret: str) -> HttpResponse:
    """Where the link leads; a button confirms, since mail servers open links by themselves."""
    template, context = "tenants/domain.html", {}
    try:
        if request.method == "POST":
            context = {"domain": actions.confirm_domain(secret=secret, by=Actor.link()), "confirmed": True}
        else:
            context = {"domain": actions.find_domain(secret)}
    except UnusableDomainLink:
        return render(request, template, {"domain": None}, status=404)
    except DomainRefused as refusal:
        return render(request, template, {"domain": None, "refusal": str(refusal)}, status=409)
    response = render(request, template, context)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _page(
    request: MemberRequest,
    *,
    status: int = 200,
    form: IdentityProviderForm | None = None,
    domain_form: DomainForm | None = None,
) -> HttpResponse:
    tenant = request.tenant
    with tenant_scope(tenant.pk):
        provider = IdentityProvider.objects.filter(tenant_id=tenant.pk).first()
        initial: dict[str, object] = {"enabled": True}
        if provider is not None:
            initial = {name: getattr(provider, name) for name in ("issuer", "client_id", "enabled")}
            initial["required"] = tenant.require_single_sign_on
        callback = reverse("single_sign_on_callback", args=[tenant.pk])
        context = {
            "section": "settings",
            "provider": provider,
            "form": form or IdentityProviderForm(initial=initial),
            "domain_form": domain_form or DomainForm(),
            "domains": TenantDomain.objects.filter(tenant_id=tenant.pk),
            "callback": f"{settings.BASE_URL}{callback}",
            "start": f"{settings.BASE_URL}{reverse('single_sign_on_start', args=[tenant.pk])}",
        }
        return render(request, "tenants/single_sign_on.html", context, status=status)
