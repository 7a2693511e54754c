"""The page of API tokens: made, shown once, revoked."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.access import MemberRequest, has_shown_second_factor, member
from tenants.actions.tokens import TooManyTokens, create_token, revoke_token
from tenants.audit import Actor
from tenants.forms import TokenForm
from tenants.models import ApiToken
from tenants.permissions import Permission, Scope
from tenants.sent_forms import did_nothing

SHOWN_AT_ONCE = 50


@member(Permission.ADMINISTER)
def api_tokens(request: MemberRequest) -> HttpResponse:
    """The tenant's tokens. A new one is made by posting a name, and the answer is the one page that ever shows it."""
    second_factor = has_shown_second_factor(request)
    if request.method == "POST" and request.tenant.require_second_factor and not second_factor:
        messages.info(request, _("Show your second factor first: %s asks for one behind each token.") % request.tenant)
        return did_nothing(redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': request.path})}"))
    form = TokenForm(request.POST or None)
    context: dict[str, object] = {"section": "tokens", "form": form}
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                token, text = create_token(
                    tenant=request.tenant,
                    user=request.user,
                    by=Actor.user(request.user),
                    name=form.cleaned_data["name"],
                    scopes=[Scope(scope) for scope in form.cleaned_data["scopes"]],
                    days=form.cleaned_data["days"],
                    second_factor=second_factor,
                )
            except TooManyTokens as refusal:
                form.add_error(None, str(refusal))
            else:
                context |= {"new_token": token, "new_token_text": text, "form": TokenForm()}
        if form.errors:
            status = 422
    tokens = ApiToken.objects.filter(tenant_id=request.tenant.pk).select_related("created_by", "made_with")
    working_first = tokens.order_by(F("revoked_at").desc(nulls_first=True), "-created_at")
    context["page"] = Paginator(working_first, SHOWN_AT_ONCE).get_page(request.GET.get("page"))
    return render(request, "tenants/api_tokens.html", context, status=status)


@member(Permission.ADMINISTER)
def api_token_revoke(request: MemberRequest, token_id: UUID) -> HttpResponse:
    """Ask once more, then revoke."""
    token = get_object_or_404(ApiToken, tenant_id=request.tenant.pk, pk=token_id)
    if request.method != "POST":
        context = {"section": "tokens", "token": token, "has_made": token.made.filter(revoked_at=None).exists()}
        return render(request, "tenants/api_token_revoke.html", context)
    revoke_token(tenant=request.tenant, token_id=token.pk, by=Actor.user(request.user))
    messages.success(request, _("“%s” is revoked. Programs that use it are refused from now on.") % token.name)
    return redirect("api_tokens", tenant_id=request.tenant.pk)
