"""`/.well-known/security.txt` (RFC 9116): whom a finder of a flaw in this installation writes to."""

from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control

from tenants.access import public

# The RFC asks for less than a year. It is counted from each day anew: the contact is the one that is set now.
GOOD_FOR = timedelta(days=90)


@public
@cache_control(public=True, max_age=3600)
def security_txt(_request: HttpRequest) -> HttpResponse:
    """The vendor's contact. It names no policy, since none is published by the portal.

    Raises:
        Http404: the vendor has set none (`SECURITY_CONTACT`).
    """
    if not settings.SECURITY_CONTACT:
        raise Http404
    expires = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + GOOD_FOR
    lines = (
        f"Contact: {settings.SECURITY_CONTACT}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {settings.BASE_URL.rstrip('/')}{reverse('security_txt')}",
    )
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
