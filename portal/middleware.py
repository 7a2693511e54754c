"""What wraps every request: its id, the access rule of its URL, the staff's database role, headers."""

import logging
import re
import time
from collections.abc import Callable
from itertools import chain
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest, ImproperlyConfigured, MiddlewareNotUsed, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.utils.translation import override

from integrations.catalogue_file import one_catalogue
from integrations.in_hand import in_hand, name
from portal.access import rule_of
from portal.errors import busy
from tenants.names import is_readable
from tenants.request_id import CLIENT_ADDRESS, REQUEST_ID, client_address
from tenants.request_id import request_id as current_request_id
from tenants.scope import staff_scope

GetResponse = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger(__name__)


def request_id(get_response: GetResponse) -> GetResponse:
    """Give each request an id that its log lines and audit events carry, and that the answer shows; and note from where
    it came, behind as many proxies as are trusted (`TRUSTED_PROXY_COUNT`).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        from allauth.account.adapter import get_adapter  # when the apps are loaded

        try:
            address = get_adapter().get_client_ip(request)
        except (PermissionDenied, ImproperlyConfigured):  # fewer proxies than were promised
            address = None
        new_id = str(uuid4())
        request.META |= {REQUEST_ID: new_id, CLIENT_ADDRESS: address}
        id_token, address_token = current_request_id.set(new_id), client_address.set(address)
        try:
            response = get_response(request)
            response["X-Request-Id"] = new_id
            return response
        finally:
            client_address.reset(address_token)
            current_request_id.reset(id_token)

    return middleware


def health_probes(get_response: GetResponse) -> GetResponse:
    """Answer `/livez` and `/readyz` before anything asks for the host: probes come by IP address and without TLS."""
    from portal.health import livez, readyz  # when the apps are loaded

    probes = {"/livez": livez, "/readyz": readyz}

    def middleware(request: HttpRequest) -> HttpResponse:
        probe = probes.get(request.path_info)
        return probe(request) if probe else get_response(request)

    return middleware


PAGE_METHODS = ["GET", "HEAD", "POST"]


def page_methods(get_response: GetResponse) -> GetResponse:
    """Answer 405 to a method that no page has a use for. Each view of the API says which ones it takes."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method not in PAGE_METHODS and not request.path_info.startswith("/api/"):
            return HttpResponseNotAllowed(PAGE_METHODS)
        return get_response(request)

    return middleware


def readable_text(get_response: GetResponse) -> GetResponse:
    """Answer 400 to text that nothing here can keep or show (a NUL, half a surrogate pair), wherever in a request it
    stands, so that no view, form or filter has to think of it. JSON bodies are read by `tenants.api.base`.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        # Below /api/ a form is refused as a 415 and nothing reads it.
        form = () if request.path_info.startswith("/api/") else request.POST.lists()
        texts = chain(
            (request.path_info,),
            request.COOKIES.values(),
            *((name, *values) for name, values in chain(request.GET.lists(), form)),
        )
        if not all(map(is_readable, texts)):
            raise BadRequest("The request holds text that cannot be read.")
        return get_response(request)

    return middleware


def english_where_nothing_is_translated(get_response: GetResponse) -> GetResponse:
    """Answer programs and support staff in English, whatever the pages speak. Our own texts there are not translated,
    and those of the libraries would stand between them in another language.
    """
    if not settings.USE_I18N:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(("/api/", "/admin/")):
            return get_response(request)
        with override("en"):
            return get_response(request)

    return middleware


def permissions_policy(get_response: GetResponse) -> GetResponse:
    """Say that no page uses camera, microphone, location or payment."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        return response

    return middleware


def keep_no_page(get_response: GetResponse) -> GetResponse:
    """Let no cache, of a browser or on the way, keep what is shown to somebody who is signed in: whoever sits down at
    the same browser after them goes back to nothing.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        # A program that is no person, such as the vendor's product, has no user at all.
        if request.session.accessed and request.user is not None and request.user.is_authenticated:
            patch_cache_control(response, no_store=True)
        return response

    return middleware


def hold_catalogue(get_response: GetResponse) -> GetResponse:
    """Answer each request from one catalogue, also when the file changes in the middle of it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with one_catalogue():
            return get_response(request)

    return middleware


def staff_database(get_response: GetResponse) -> GetResponse:
    """Serve Django admin as the staff's database role. Who asks is read before, as the app: to know a session takes the
    hash of the person's password, which the staff's role does not read.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/"):
            return get_response(request)
        _ = request.user.is_authenticated
        with staff_scope():
            return get_response(request)

    return middleware


_SENT = re.compile(r"t=(\d{10}\.\d{3})")  # as nginx writes it
SHED = "rolebridge.shed"  # in the request's environment: it was answered so; no header's name begins like that
LONGEST_BELIEVED_SECONDS = 60.0  # no proxy of ours waits longer; what says more comes from a wrong clock


def shed_load(get_response: GetResponse) -> GetResponse:
    """Answer 503 to what waited too long for a thread, at once and without doing it: whoever sent it has lost patience,
    and the next one need not. The proxy says in `X-Request-Start` when it passed the request on.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        sent = _SENT.fullmatch(request.headers.get("X-Request-Start", ""))
        if sent and settings.SHED_AFTER_SECONDS:
            waited = time.time() - float(sent[1])
            if settings.SHED_AFTER_SECONDS < waited < LONGEST_BELIEVED_SECONDS:
                request.META[SHED] = True
                return busy(request)
        return get_response(request)

    return middleware


class NameInHand:
    """Log lines of a request about a connection, or a verification of one, name it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, with nothing of the one before in hand."""
        with in_hand():
            return self.get_response(request)

    def process_view(
        self, _request: HttpRequest, _view: Callable[..., HttpResponse], _args: Any, kwargs: dict[str, Any]
    ) -> None:
        """Take them from the address, once it is read."""
        name(**{word: kwargs[word] for word in ("tenant_id", "connection_id", "verification_id") if word in kwargs})


class AccessRules:
    """Deny by default: a URL whose view declares no access rule is refused, whoever asks."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; the rule is applied once its view is known."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Refuse a view with no rule, and apply the rule of the views we did not write. What support staff send is done
        once, so the answer to it comes from here.
        """
        match = request.resolver_match
        rule = rule_of(view, match) if match else None
        if rule is None:
            logger.error("No access rule is declared for %s; see portal/access.py", request.path_info)
            raise PermissionDenied
        from tenants.access import second_factor_first, to_sign_in  # these three when the apps are loaded
        from tenants.provider_session import provider_session
        from tenants.sent_forms import once

        if rule == "staff" and not (request.user.is_authenticated and request.user.is_staff):
            if request.user.is_authenticated:
                raise Http404
            return to_sign_in(request)
        if rule == "signed_in" and not request.user.is_authenticated:
            return to_sign_in(request)
        if rule in {"signed_in", "staff"} and provider_session(request) is not None:
            # An organisation's provider speaks for it alone, not for the person's account.
            messages.info(
                request,
                _("Your organisation signed you in. For your own account, sign out and sign in with your password."),
            )
            return redirect("home")
        if rule == "staff":
            why = _("Support staff sign in with a second factor. Set one up first.")
            elsewhere = second_factor_first(request, why)
            if elsewhere is None and request.method == "POST":
                return once(request, lambda: view(request, *args, **kwargs))
            return elsewhere
        return None
