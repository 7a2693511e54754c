"""A browser in which somebody has signed in by password before. Where strangers' wrong passwords shut an account, it
may still try, so that nobody can be kept out of their own.

Its cookie opens nothing: it takes the place of no password and no second factor. Whoever stole one may guess ten times
an hour. It is good for one account, the last that signed in there, for 90 days and until that has another password.
"""

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse

from tenants.models import User

LASTS_SECONDS = 90 * 24 * 3600


def _signer(user: User) -> TimestampSigner:
    # The hash is in what signs and not in what is signed: nobody reads it off the cookie.
    return TimestampSigner(salt=f"portal.known_browser:{user.password}")


def remember_browser(response: HttpResponse, user: User) -> None:
    """Let the browser prove from now on that the user has signed in there."""
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        _signer(user).sign(str(user.pk)),
        max_age=LASTS_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def known_browser(request: HttpRequest, email: str) -> str | None:
    """The cookie of a browser in which the user with this address has signed in; None of any other."""
    cookie = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME)
    user = User.objects.filter(email=email).first() if cookie else None
    if cookie is None or user is None:
        return None
    try:
        signed_for = _signer(user).unsign(cookie, max_age=LASTS_SECONDS)
    except BadSignature:
        return None
    return cookie if signed_for == str(user.pk) else None
