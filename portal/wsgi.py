"""The web server's entry point: `gunicorn portal.wsgi`."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

from portal.tracing import start_tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def utf8_only(inner: Application) -> Application:
    """Refuse a request in another charset. Django decodes the query with any codec that Python knows while it makes the
    request, before any middleware can answer, and some of them (idna, rot13) cannot decode it at all.
    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        _, parameters = parse_header_parameters(environ.get("CONTENT_TYPE", ""))
        if parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}:
            return inner(environ, start_response)
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Send text as UTF-8, and leave other charsets out of Content-Type.\n"]

    return application


start_tracing("web")
application = utf8_only(get_wsgi_application())
