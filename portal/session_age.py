"""A session ends so long after its person was last asked who they are.

Its cookie alone would not end it: each write to a session, which asks nobody anything, renews the cookie.
"""

import time
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from portal.middleware import GetResponse
from tenants.provider_session import LASTS_SECONDS, provider_session

_SIGNED_IN_AT = "signed_in_at"


@receiver(user_logged_in)
def note_the_time(request: HttpRequest, **_: Any) -> None:
    """Somebody was asked, by whichever way, and is signed in. What proves itself once more, allauth keeps."""
    request.session[_SIGNED_IN_AT] = time.time()


def end_old_sessions(get_response: GetResponse) -> GetResponse:
    """Sign out whoever was last asked SESSION_HOURS ago or longer, and whom a provider signed in half a day ago."""

    def middleware(request: HttpRequest) -> HttpResponse:
        has_session = settings.SESSION_COOKIE_NAME in request.COOKIES  # a program's call has none to look at
        if has_session and request.user.is_authenticated and _ends_at(request) < time.time():
            logout(request)
        return get_response(request)

    return middleware


def _ends_at(request: HttpRequest) -> float:
    proofs = [float(one["at"]) for one in get_authentication_records(request, request.user)]
    asked_at = max([float(request.session.get(_SIGNED_IN_AT, 0)), *proofs])
    return asked_at + (LASTS_SECONDS if provider_session(request) else settings.SESSION_COOKIE_AGE)
