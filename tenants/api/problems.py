"""Errors of the API: one shape, RFC 9457 `application/problem+json`, with stable types."""

from collections.abc import Iterator
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"


class Problem(exceptions.APIException):
    """A refusal with a stable type of its own.

    Args:
        kind: stable code, the last part of the problem's `type`.
        title: what is wrong, in general.
        detail: what is wrong here, and what to do.
        status_code: HTTP status.
        retry_after: seconds after which it is worth trying again.
    """

    def __init__(self, kind: str, title: str, detail: str, status_code: int, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.kind, self.title, self.status_code = kind, title, status_code
        self.wait = retry_after


_KNOWN: dict[type[exceptions.APIException], tuple[str, str]] = {
    exceptions.NotAuthenticated: ("not-authenticated", "No API token was sent"),
    exceptions.AuthenticationFailed: ("token-refused", "The API token was refused"),
    exceptions.PermissionDenied: ("forbidden", "The token may not do this"),
    exceptions.NotFound: ("not-found", "There is no such thing here"),
    exceptions.MethodNotAllowed: ("method-not-allowed", "The method is not allowed here"),
    exceptions.ParseError: ("malformed", "The body could not be read"),
    exceptions.UnsupportedMediaType: ("unsupported-media-type", "The content type is not supported"),
    exceptions.ValidationError: ("invalid", "The input is not valid"),
}
_NOT_FOUND = "Check the address and the id. Addresses of the API end with a slash."


def problem_response(error: Exception, _context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal as a problem document; anything else is a fault of ours (`faults`)."""
    if isinstance(error, Http404):
        error = exceptions.NotFound(_NOT_FOUND)
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(ceil(wait))
    return Response(_body(error), status=error.status_code, headers=headers, content_type=CONTENT_TYPE)


def document(kind: str, title: str, status: int, detail: str) -> dict[str, Any]:
    """A problem document."""
    return {"type": f"urn:rolebridge:problem:{kind}", "title": title, "status": status, "detail": detail}


def json_problem(kind: str, title: str, status: int, detail: str) -> JsonResponse:
    """A problem that no view of the API answers with, such as that of an unknown address."""
    return JsonResponse(document(kind, title, status, detail), status=status, content_type=CONTENT_TYPE)


def unknown_address() -> JsonResponse:
    """The same answer as for an id that does not exist."""
    kind, title = _KNOWN[exceptions.NotFound]
    return json_problem(kind, title, 404, _NOT_FOUND)


def _body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, Problem):
        return document(error.kind, error.title, error.status_code, str(error.detail))
    kind, title = next(
        (known for cls, known in _KNOWN.items() if isinstance(error, cls)), ("error", "The request failed")
    )
    if not isinstance(error, exceptions.ValidationError):
        return document(kind, title, error.status_code, str(error.detail))
    errors = list(_field_errors(error.detail, "#"))
    return document(kind, title, 400, " ".join(dict.fromkeys(entry["detail"] for entry in errors))) | {"errors": errors}


def _field_errors(detail: Any, pointer: str) -> Iterator[dict[str, str]]:
    """Each error in the detail of a ValidationError, with a JSON pointer (RFC 6901) to its field."""
    if isinstance(detail, dict):
        for field, inner in detail.items():
            escaped = str(field).replace("~", "~0").replace("/", "~1")
            yield from _field_errors(inner, pointer if field == "non_field_errors" else f"{pointer}/{escaped}")
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, pointer)
    else:
        yield {"pointer": pointer, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}
