"""Errors of the API: one shape, RFC 9457 `application/problem+json`, with stable types."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

CONTENT_TYPE = "application/problem+json"


class Problem(exceptions.APIException):
    """A refusal with a stable type.

    Args:
        type: stable code, the last part of the problem's `type`.
        title: what is wrong, in general.
        detail: what is wrong here, and what to do.
        status_code: HTTP status.
        retry_after: seconds after which it is worth trying again.
    """

    def __init__(
        self,
        type: str,
        title: str,
        detail: str,
        status_code: int,
        retry_after: int | None = None,  # noqa: A002 — RFC 9457's name
    ) -> None:
        super().__init__(detail)
        self.type, self.title, self.status_code = type, title, status_code
        self.wait = retry_after


_KNOWN: dict[type[Exception], tuple[str, str]] = {
    exceptions.NotAuthenticated: ("not-authenticated", "No API token was sent"),
    exceptions.AuthenticationFailed: ("token-refused", "The API token was refused"),
    exceptions.PermissionDenied: ("forbidden", "The token's owner may not do this"),
    exceptions.NotFound: ("not-found", "There is no such thing here"),
    exceptions.MethodNotAllowed: ("method-not-allowed", "The method is not allowed here"),
    exceptions.ParseError: ("malformed", "The request could not be read"),
    exceptions.UnsupportedMediaType: ("unsupported-media-type", "The content type is not supported"),
    exceptions.NotAcceptable: ("not-acceptable", "The answer cannot be given in the form asked for"),
    exceptions.Throttled: ("too-many-requests", "Too many requests"),
    exceptions.ValidationError: ("invalid", "The input is not valid"),
}


def problem_response(error: Exception, _context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal as a problem document; anything else is a 500 (`server_error`)."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, Problem):
        body = document(error.type, error.title, error.status_code, str(error.detail))
    else:
        kind, title = next(
            (known for cls, known in _KNOWN.items() if isinstance(error, cls)), ("error", "The request failed")
        )
        body = document(kind, title, error.status_code)
        if isinstance(error, exceptions.ValidationError):
            body["errors"] = list(_field_errors(error.detail))
            body["detail"] = " ".join(entry["detail"] for entry in body["errors"])
        else:
            body["detail"] = str(error.detail)
    return Response(body, status=error.status_code, headers=headers, content_type=CONTENT_TYPE)


def document(kind: str, title: str, status_code: int, detail: str = "") -> dict[str, Any]:
    """A problem document."""
    return {"type": f"urn:rolebridge:problem:{kind}", "title": title, "status": status_code, "detail": detail}


def json_problem(_request: HttpRequest, kind: str, title: str, status_code: int, detail: str) -> JsonResponse:
    """A problem for an address below /api/ that no API view answered."""
    return JsonResponse(document(kind, title, status_code, detail), status=status_code, content_type=CONTENT_TYPE)


def _field_errors(detail: Any, pointer: str = "") -> Any:
    """Each error of a nested ValidationError with a JSON pointer to its field."""
    if isinstance(detail, dict):
        for field, inner in detail.items():
            yield from _field_errors(inner, pointer if field == "non_field_errors" else f"{pointer}/{field}")
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from _field_errors(inner, f"{pointer}/{index}" if isinstance(inner, dict) else pointer)
    else:
        yield {"pointer": pointer, "detail": str(detail)}


NOT_FOUND = status.HTTP_404_NOT_FOUND
