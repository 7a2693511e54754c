"""Invitations: sent and revoked by administrators, accepted by whoever holds the address."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from tenants import limits
from tenants.access import MemberRequest, member, public
from tenants.actions import invitations as actions
from tenants.actions.invitations import AlreadyMember, UnusableInvitation
from tenants.actions.members import NotAllowed
from tenants.audit import Actor
from tenants.forms import InvitationForm
from tenants.limits import TooOften
from tenants.models import Invitation, User
from tenants.permissions import Permission, Role
from tenants.provider_session import provider_session
from tenants.secrets import digest
from tenants.sent_forms import once

_KEY = "invitation"  # in the session: the hash of the secret in the link


@member(Permission.ADMINISTER)
def invite(request: MemberRequest) -> HttpResponse:
    """Invite an address."""
    form = InvitationForm(request.POST or None, acting=request.member)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                actions.invite(
                    tenant=request.tenant,
                    email=form.cleaned_data["email"],
                    role=Role(form.cleaned_data["role"]),
                    acting=request.member,
                    by=Actor.user(request.user),
                )
            except (AlreadyMember, NotAllowed, TooOften) as refusal:
                form.add_error("email", str(refusal))
            else:
                messages.success(request, _("An invitation is on its way to %s.") % form.cleaned_data["email"])
                return redirect("members", tenant_id=request.tenant.pk)
        status = 422
    return render(request, "tenants/invite.html", {"section": "members", "form": form}, status=status)


@member(Permission.ADMINISTER)
def invitation_resend(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Send it again, with a new link."""
    get_object_or_404(Invitation, tenant_id=request.tenant.pk, pk=invitation_id)
    if request.method == "POST":
        try:
            invitation = actions.resend_invitation(
                tenant=request.tenant,
                invitation_id=invitation_id,
                acting=request.member,
                by=Actor.user(request.user),
            )
        except Invitation.DoesNotExist:
            raise Http404 from None
        except (NotAllowed, TooOften) as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("The invitation is on its way to %s again.") % invitation.email)
    return redirect("members", tenant_id=request.tenant.pk)


@member(Permission.ADMINISTER)
def invitation_revoke(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """End it at once."""
    get_object_or_404(Invitation, tenant_id=request.tenant.pk, pk=invitation_id)
    if request.method == "POST":
        try:
            invitation = actions.revoke_invitation(
                tenant=request.tenant,
                invitation_id=invitation_id,
                acting=request.member,
                by=Actor.user(request.user),
            )
        except Invitation.DoesNotExist:
            raise Http404 from None
        except NotAllowed as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("The invitation for %s is revoked.") % invitation.email)
    return redirect("members", tenant_id=request.tenant.pk)


@public
def invitation_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Where the link in the mail leads. The session keeps the secret's hash and the address bar loses the secret, so
    that it goes along with no referrer, no `next` and no session.
    """
    link = digest(secret)
    try:
        limits.count_by_network("invitation_link", most=60, seconds=60, message=_("Wait a minute."))
        actions.find_invitation(link)
    except (UnusableInvitation, TooOften):
        # A session is a row of the database: none is made for whoever makes links up, and an open one forgets the last.
        request.session.pop(_KEY, None)
    else:
        request.session[_KEY] = link
    response = redirect("invitation")
    response["Referrer-Policy"] = "no-referrer"
    return response


@public
@never_cache
def invitation(request: HttpRequest) -> HttpResponseBase:
    """The invitation whose link this browser opened. Whatever stands in the way of it, the answer is the same."""
    return once(request, lambda: _invitation(request))


def _invitation(request: HttpRequest) -> HttpResponse:
    try:
        found = _opened(request)
        if request.method == "POST" and isinstance(request.user, User):
            joined = actions.accept_invitation(
                link=request.session[_KEY], user=request.user, by=Actor.user(request.user)
            )
            del request.session[_KEY]
            messages.success(request, _("You are a member of %s now.") % found.tenant.name)
            return redirect("members", tenant_id=joined.tenant_id)
    except (UnusableInvitation, TooOften):
        return render(request, "tenants/invitation_unusable.html", status=404)
    here = urlencode({"next": reverse("invitation")})
    context = {
        "invitation": found,
        "role": Role(found.role),
        "login_url": f"{reverse('account_login')}?{here}",
        "signup_url": f"{reverse('account_signup')}?{here}&{urlencode({'email': found.email})}",
    }
    return render(request, "tenants/invitation.html", context)


def invitation_waits(request: HttpRequest) -> bool:
    """Whether this browser came by an invitation that is still open: whoever comes to join needs no organisation."""
    try:
        _opened(request)
    except (UnusableInvitation, TooOften):
        return False
    return True


def _opened(request: HttpRequest) -> Invitation:
    limits.count_by_network("invitation", most=60, seconds=60, message=_("Wait a minute."))
    found = actions.find_invitation(str(request.session.get(_KEY, "")))
    # A session that an organisation's provider opened speaks for that organisation alone, and joins no other.
    is_stranger = isinstance(request.user, User) and not actions.is_for(found, request.user)
    if is_stranger or provider_session(request) is not None:
        raise UnusableInvitation
    return found
