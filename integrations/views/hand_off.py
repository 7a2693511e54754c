"""Hand-off links: made and revoked by members, used by whoever holds one, with no account."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from integrations.actions.hand_off_links import (
    LONGEST_DAYS,
    HandOff,
    InvalidExpiry,
    TooManyHandOffLinks,
    actor_of,
    count_hand_off_download,
    count_hand_off_request,
    create_hand_off_link,
    find_hand_off_link,
    revoke_hand_off_link,
    use_hand_off_link,
)
from integrations.actions.role_templates import download_role_template
from integrations.actions.verifications import NotReady
from integrations.forms import HandOffLinkForm
from integrations.hand_off_address import hand_off_url
from integrations.models import HandOffLink
from integrations.role_templates.formats import Format
from integrations.views.connections import REFUSED, find_connection
from integrations.views.guide import guide_context, will_see_context
from integrations.views.role_templates import file_response
from integrations.views.template_tabs import template_tabs
from tenants.access import MemberRequest, member, public
from tenants.audit import Actor
from tenants.limits import TooOften
from tenants.permissions import Permission
from tenants.scope import tenant_scope

NO_LONGER_THERE = 410
SHOWN_AT_ONCE = 50


@member(Permission.MANAGE)
def hand_off_links(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """The hand-off links of a connection. Posting makes a new one, and the answer is the one page that shows it."""
    found = find_connection(request, connection_id)
    form = HandOffLinkForm(request.POST or None)
    context: dict[str, object] = {"section": "connections", "connection": found, "longest": LONGEST_DAYS}
    if request.method == "POST" and form.is_valid():
        try:
            link, text = create_hand_off_link(connection=found, by=Actor.user(request.user), **form.cleaned_data)
        except InvalidExpiry as error:
            form.add_error("days", str(error))
        except TooManyHandOffLinks as error:
            form.add_error(None, str(error))
        else:
            context |= {"new_link": link, "new_link_url": hand_off_url(text)}
    page = Paginator(found.hand_off_links.all(), SHOWN_AT_ONCE).get_page(request.GET.get("page"))
    context |= {"form": form if form.errors else HandOffLinkForm(), "page": page}
    return render(request, "integrations/hand_off_links.html", context, status=REFUSED if form.errors else 200)


@member(Permission.MANAGE)
def hand_off_link_revoke(request: MemberRequest, connection_id: UUID, link_id: UUID) -> HttpResponse:
    """End a link at once."""
    found = find_connection(request, connection_id)
    if request.method == "POST":
        try:
            revoke_hand_off_link(connection=found, link_id=link_id, by=Actor.user(request.user))
        except HandOffLink.DoesNotExist:
            raise Http404 from None
    return redirect("hand_off_links", tenant_id=found.tenant_id, connection_id=found.pk)


View = Callable[..., HttpResponse]


def _not_let_in(request: HttpRequest, why: str, *, status: int, **context: object) -> HttpResponse:
    return render(request, "integrations/hand_off_ended.html", {"ended": why, **context}, status=status)


def _by_link(what: str) -> Callable[[View], View]:
    """For a page that a hand-off link opens: the link is looked up, its use recorded, and the tenant's scope opened."""

    def decorate(view: View) -> View:
        def answer(request: HttpRequest, text: str, kwargs: dict[str, str]) -> HttpResponse:
            ids = find_hand_off_link(text)
            if ids is None:
                return _not_let_in(request, "unknown", status=404)
            tenant_id, link_id = ids
            with tenant_scope(tenant_id):  # of its own: the use is recorded whatever becomes of the page
                hand_off = use_hand_off_link(link_id=link_id, what=what.format(**kwargs))
            with tenant_scope(tenant_id):
                if hand_off.ended:
                    return _not_let_in(request, hand_off.ended, status=NO_LONGER_THERE, link=hand_off.link)
                return view(request, hand_off, text, **kwargs)

        @public
        @require_safe
        @wraps(view)
        def guarded(request: HttpRequest, text: str, **kwargs: str) -> HttpResponse:
            try:
                count_hand_off_request()
                response = answer(request, text, kwargs)
            except TooOften as refusal:
                minutes = refusal.retry_after_seconds // 60
                response = _not_let_in(request, "too_often", status=429, minutes=minutes)
                response["Retry-After"] = str(refusal.retry_after_seconds)
            # The address is the key: no other site, no cache and no search engine may learn it.
            response["Referrer-Policy"] = "no-referrer"
            response["Cache-Control"] = "no-store"
            response["X-Robots-Tag"] = "noindex"
            return response

        return guarded

    return decorate


@_by_link("guide")
def hand_off(request: HttpRequest, hand_off: HandOff, text: str) -> HttpResponse:
    """The guide and the downloads of the connection."""
    connection = hand_off.connection
    context = {"hand_off_text": text, "link": hand_off.link, **guide_context(connection)}
    try:
        context["templates"] = template_tabs(
            connection,
            request.GET.get("format", ""),
            page=request.path,
            address_of=lambda chosen: reverse("hand_off_template", args=[text, chosen]),
        )
    except NotReady as missing:
        context["not_ready"] = str(missing)
    return render(request, "integrations/guide.html", context)


@_by_link("what you will see")
def hand_off_will_see(request: HttpRequest, hand_off: HandOff, text: str) -> HttpResponse:
    """How our calls will look in CloudTrail."""
    context = {"hand_off_text": text, **will_see_context(hand_off.connection)}
    return render(request, "integrations/what_you_will_see.html", context)


@_by_link("role template: {template_format}")
def hand_off_template(_request: HttpRequest, hand_off: HandOff, text: str, template_format: str) -> HttpResponse:
    """The role template in a format."""
    if template_format not in set(Format):
        raise Http404
    count_hand_off_download(hand_off.link)
    try:
        download = download_role_template(
            connection=hand_off.connection, chosen=Format(template_format), by=actor_of(hand_off.link)
        )
    except NotReady:
        return redirect("hand_off", text)  # which says what is missing
    return file_response(download.role_template)
