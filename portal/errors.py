"""What is answered when no view could answer: a problem document below /api/, a page elsewhere."""

import sys
from functools import cache
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import get_language
from django.views import defaults
from psycopg_pool import PoolTimeout
from redis import RedisError

from tenants.api.problems import json_problem

RETRY_AFTER = 5  # seconds


def server_error(request: HttpRequest) -> HttpResponse:
    """500: a fault of ours, of which the answer tells nothing but the request's id in its header. Where the database
    is away, or gives no connection in time, 503: it is worth trying again.
    """
    if isinstance(sys.exc_info()[1], OperationalError | PoolTimeout | RedisError):
        return busy(request)
    if not _is_api(request):
        return defaults.server_error(request)
    return json_problem(
        "server-error",
        "We could not do this",
        500,
        "This is a fault on our side. Try again; if it stays, tell our support the X-Request-Id of this answer.",
    )


def busy(request: HttpRequest) -> HttpResponse:
    """503: nothing was done, and it is worth trying again."""
    response: HttpResponse
    if _is_api(request):
        response = json_problem("busy", "We are busy", 503, "Nothing was changed. Try again in a few seconds.")
    else:
        response = HttpResponse(_busy_page(get_language() or ""), status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    return response


@cache
def _busy_page(_language: str) -> str:
    # It is the same for everybody, and asked for most when there is no time to make it.
    return loader.render_to_string("503.html")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: refused before a view was asked."""
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return json_problem("forbidden", "This is not allowed", 403, "This address may not be used.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a request that Django itself refuses."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return json_problem("malformed", "The request could not be read", 400, "Check the address, headers and body.")


def _is_api(request: Any) -> bool:
    return str(request.path_info).startswith("/api/")
