"""Which page somebody sees who asks for something: where they are sent back to."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for the live part of a page."""
    return request.headers.get("HX-Request") == "true"


def page_in_hand(request: HttpRequest) -> str:
    """The page that somebody sees: what they asked for, or what htmx or a form asks from, if that is a page of ours."""
    page = ""
    if is_fragment(request):
        page = request.headers.get("HX-Current-URL", "")
    elif request.method not in {"GET", "HEAD"}:  # where a form is sent there may be nothing to see
        page = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(page, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        path = urlsplit(page).path
        if url_has_allowed_host_and_scheme(path, allowed_hosts=None):  # not //another.host
            return path
    return request.get_full_path()
