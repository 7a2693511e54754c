"""Access rules of pages. Every view declares one; `portal.middleware.AccessRules` refuses the view that does not.

`member(...)` also opens the tenant's scope around the view, so that a page sees its tenant's rows and no others.
Another tenant's page is 404, a missing permission 403.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _

from tenants.models import IdentityProvider, Member, Tenant, User
from tenants.page_in_hand import is_fragment, page_in_hand
from tenants.permissions import Permission, Role
from tenants.provider_session import provider_session
from tenants.scope import tenant_scope
from tenants.sent_forms import did_nothing, once

View = Callable[..., HttpResponseBase]
SomeView = TypeVar("SomeView", bound=View)


class SignedInRequest(HttpRequest):
    """A request whose user is known to be signed in."""

    user: User


class MemberRequest(SignedInRequest):
    """A request whose user is known to be a member of the tenant in its URL."""

    member: Member
    tenant: Tenant


def public(view: SomeView) -> SomeView:
    """Anybody may ask."""
    view.access = "public"  # type: ignore[attr-defined]  # the mark that the middleware and a test look for
    return view


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send somebody to the sign-in page, and back from there."""
    return _whole_page_to(request, redirect_to_login(page_in_hand(request)))


def _whole_page_to(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """The redirect; where htmx asks, one that the whole page follows. htmx would follow a redirect by itself, and put
    the page that it leads to into the live part of the page that asked.
    """
    if is_fragment(request):
        answer = HttpResponse(status=204, headers={"HX-Redirect": answer["Location"]})
        patch_cache_control(answer, no_store=True)  # a redirect is kept by nobody, a 204 may be
    patch_vary_headers(answer, ["HX-Request", "HX-Current-URL"])
    return answer


def signed_in(view: View) -> View:
    """Anybody who is signed in may ask."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        return view(request, *args, **kwargs)

    guarded.access = "signed_in"  # type: ignore[attr-defined]  # as above
    return guarded


def member(permission: Permission, *, scope: bool = True) -> Callable[[View], View]:
    """Members of the tenant named in the URL (`tenant_id`) whose role carries the permission. What they send is done
    once (`tenants.sent_forms`).

    Args:
        permission: what the member's role must carry.
        scope: whether the tenant's scope is open around the view. A view that calls the world outside says False and
            opens the scope itself, since no transaction may be open while it waits.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, tenant_id: UUID, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)

            def admit() -> HttpResponseBase | None:
                with tenant_scope(tenant_id):
                    return _admit(request, tenant_id, permission)

            def answer() -> HttpResponseBase:
                with tenant_scope(tenant_id):
                    elsewhere = _admit(request, tenant_id, permission)
                    if elsewhere is not None:
                        return did_nothing(elsewhere)
                    if scope:
                        return _rendered(view(request, *args, **kwargs))
                return view(request, *args, **kwargs)

            return once(request, answer, admit=admit)

        guarded.access = f"member:{permission}"  # type: ignore[attr-defined]  # as above
        return guarded

    return decorate


def has_shown_second_factor(request: HttpRequest) -> bool:
    """Whether whoever is signed in has shown a second factor in this session."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))


def second_factor_first(request: HttpRequest, why: str) -> HttpResponse | None:
    """Where a second factor is set up, with a message that says `why`, or shown; None where this session has shown one.

    That the user has one is not enough: a session may be older than it, opened with a password that somebody stole.
    """
    if not is_mfa_enabled(request.user):
        messages.info(request, why)
        return _whole_page_to(request, redirect("mfa_activate_totp"))
    if not has_shown_second_factor(request):
        showing = f"{reverse('mfa_reauthenticate')}?{urlencode({'next': page_in_hand(request)})}"
        return _whole_page_to(request, redirect(showing))
    return None


def has_shown_what_is_asked(request: HttpRequest, member: Member) -> bool:
    """Whether a session that was opened by password has shown what the member's organisation lets people in for."""
    if member.tenant.require_single_sign_on and member.role != Role.OWNER:
        return False
    return not member.tenant.require_second_factor or has_shown_second_factor(request)


def _admit(request: Any, tenant_id: UUID, permission: Permission) -> HttpResponseBase | None:
    """Let the member in, or say where to go first.

    Raises:
        Http404, PermissionDenied: they are not let in.
    """
    session = provider_session(request)
    if session is not None and session.tenant_id != tenant_id:
        raise Http404  # another organisation's provider opened it
    found = Member.objects.select_related("tenant").filter(tenant_id=tenant_id, user=request.user).first()
    if found is None:
        raise Http404
    if session is not None and not session.is_of(IdentityProvider.objects.filter(tenant_id=tenant_id).first()):
        logout(request)
        return to_sign_in(request)
    if not found.may(permission):
        raise PermissionDenied(_("Your role in this organisation does not allow this. Ask one of its owners."))
    request.member, request.tenant = found, found.tenant
    # A second factor is the provider's own business where it signs in.
    if session is None and found.tenant.require_single_sign_on and found.role != Role.OWNER:
        return _whole_page_to(request, redirect("single_sign_on_start", tenant_id=tenant_id))
    if session is None and found.tenant.require_second_factor:
        why = _("%s asks for a second factor. Set one up, and you are let in.") % found.tenant.name
        return second_factor_first(request, why)
    return None


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    """The response, rendered while the tenant's rows can still be read."""
    if hasattr(response, "render") and callable(response.render):
        response.render()
    return response
