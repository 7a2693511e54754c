"""How operations are described in the OpenAPI document, each with the problems that it can answer with."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from tenants.api.problems import CONTENT_TYPE
from tenants.permissions import Scope

F = TypeVar("F", bound=Callable[..., Any])

# What an operation can refuse, for `operation(problems=...)`.
INVALID_BODY = {
    400: "The body is not valid: `errors` says where, and what to do.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
}
INVALID_CURSOR = {400: "The cursor is none of ours."}
FORBIDDEN = {403: "The token has not the scope, or the member who made it may not do this."}
NOT_FOUND = {404: "Your organisation has no such thing."}
_ALWAYS = {
    401: "No token was sent, or it is unknown, revoked or at its end, or has no second factor behind it.",
    403: "The token has not the scope, or the member who made it may not do this.",
}


def location_of(what: str, status: int) -> OpenApiParameter:
    """The `Location` header of an answer, for `operation(parameters=...)`."""
    return OpenApiParameter(
        "Location", OpenApiTypes.STR, OpenApiParameter.HEADER, description=f"The address of {what}.", response=[status]
    )


RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    description="Seconds after which it is worth trying again.",
    response=[503],
)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document names API tokens."""

    target_class = "tenants.api.authentication.TokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        """An HTTP bearer token."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token, made on the API tokens page of your organisation. It may do what both its "
            "scopes and the member who made it may do; each operation names the scope that it needs.",
        }

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """The scope that the operation needs, from what its view declares for the method; without one there is no
        operation.
        """
        permission = auto_schema.view.permissions[auto_schema.method]
        return {self.name: [Scope.needed_for(permission).value]}


class FieldErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one field."""

    pointer = serializers.CharField(help_text="JSON pointer to the field, such as `#/account_id`.")
    code = serializers.CharField(help_text="Stable code of the error.")
    detail = serializers.CharField(help_text="What is wrong, and what to do.")


class ProblemSerializer(serializers.Serializer[Any]):
    """An error (RFC 9457)."""

    type = serializers.CharField(help_text="Stable identifier of the kind of error: `urn:rolebridge:problem:…`.")
    title = serializers.CharField(help_text="What is wrong, in general.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What is wrong here, and what to do.")
    errors = FieldErrorSerializer(  # type: ignore[assignment]  # DRF has a property of this name; RFC 9457 chose it too
        many=True, required=False, help_text="What is wrong with the input, field by field."
    )


def operation(
    name: str,
    summary: str,
    *,
    answers: dict[int, Any],
    media_type: str | tuple[str, ...] = "application/json",
    problems: dict[int, str] | None = None,
    **more: Any,
) -> Callable[[F], F]:
    """Describe the handler of an operation.

    Args:
        name: stable id, from which programs that are made from the document take the names of their functions.
        summary: one line; the handler's docstring is the description.
        answers: HTTP status to the serializer of what it answers when it succeeds.
        media_type: of these answers; several where what was asked for decides.
        problems: HTTP status to the reason for which it refuses, beside those of every operation.
        more: passed on to `extend_schema`.
    """
    media_types = (media_type,) if isinstance(media_type, str) else media_type
    responses = {
        (status, kind): OpenApiResponse(answer, description=HTTPStatus(status).phrase)
        for status, answer in answers.items()
        for kind in media_types
    }
    for status, reason in sorted((_ALWAYS | (problems or {})).items()):
        responses[status, CONTENT_TYPE] = OpenApiResponse(ProblemSerializer, description=reason)
    return extend_schema(operation_id=name, summary=summary, responses=responses, **more)
