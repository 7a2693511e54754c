"""How operations are described in the OpenAPI document, each with the problems that it can answer with."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from tenants.api.filters import Filters
from tenants.api.idempotency import HEADER, LONGEST_KEY
from tenants.api.problems import CONTENT_TYPE
from tenants.permissions import Scope

F = TypeVar("F", bound=Callable[..., Any])

# What an operation can refuse, for `operation(problems=...)`.
INVALID_BODY = {
    400: "The body is not valid: `errors` says where, and what to do.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
}
INVALID_QUERY = {400: "A parameter is not valid, or the cursor is none of ours."}
INVALID_CURSOR = {400: "The cursor is none of ours."}
FORBIDDEN = {403: "The token has not the scope, or the member who made it may not do this."}
NOT_FOUND = {404: "Your organisation has no such thing."}
_ALWAYS = {
    401: "No token was sent, or it is unknown, revoked or at its end, or has no second factor behind it.",
    403: "The token has not the scope, or the member who made it may not do this.",
    429: "The token, or all tokens of your organisation, made too many calls: `Retry-After` says when to go on.",
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
    response=[429],
)
_IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="A key of your choice, such as a random UUID. Sent again with the same key within 24 hours, the "
    "request is not done again: it is answered as before, with `Idempotent-Replayed: true`.",
)
_REPLAYED = OpenApiParameter(
    "Idempotent-Replayed",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="`true` where the request was done before, and this is what it was answered then.",
    response=[200],
)
_ETAG = OpenApiParameter(
    "ETag",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Tag of the object as it is shown: send it as `If-Match` to change it.",
    response=[200],
)
_IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string"},
    OpenApiParameter.HEADER,
    required=True,
    description="The `ETag` of the object as you saw it, or `*` for whatever it is by now.",
)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its subclasses are registered untyped
    """How the document names API tokens."""

    target_class = "tenants.api.authentication.TokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        """An HTTP bearer token."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token of your organisation, from its API tokens page. It may do what both its "
            "scopes and the member who made it may do; each operation names the scope that it needs.",
        }

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """The scope that the operation needs, from what its view declares for the method; without one there is no
        operation.
        """
        permission = auto_schema.view.permissions[auto_schema.method]
        return {self.name: [Scope.needed_for(permission).value]}


class InputExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # as above
    """How the document says that a body with a field too many is refused."""

    target_class = "tenants.api.serializers.InputSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """The schema of the body."""
        # An extension has no other way to the schema that it adds to.
        schema: dict[str, Any] = auto_schema._map_serializer(  # noqa: SLF001
            self.target, direction, bypass_extensions=True
        )
        return schema | {"additionalProperties": False}


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
    filters: type[Filters] | None = None,
    etag: bool = False,
    **more: Any,
) -> Callable[[F], F]:
    """Describe the handler of an operation.

    Args:
        name: stable id, from which programs that are made from the document take the names of their functions.
        summary: one line; the handler's docstring is the description.
        answers: HTTP status to the serializer of what it answers when it succeeds.
        media_type: of these answers; several where what was asked for decides.
        problems: HTTP status to the reason for which it refuses, beside those of every operation.
        filters: what its list can be filtered by.
        etag: whether it is about one object that has an entity tag: a change of it must say which one it saw.
        more: passed on to `extend_schema`.
    """

    media_types = (media_type,) if isinstance(media_type, str) else media_type
    given = more.pop("parameters", ())

    def described(handler: F) -> F:
        method = handler.__name__
        refusals = _refusals(method, problems or {}, filters=filters, etag=etag)
        responses = {
            (status, kind): OpenApiResponse(answer, description=HTTPStatus(status).phrase)
            for status, answer in answers.items()
            for kind in media_types
        }
        for status, reason in sorted(refusals.items()):
            responses[status, CONTENT_TYPE] = OpenApiResponse(ProblemSerializer, description=reason)
        waits: list[int] = [429, *([409] if method == "post" else []), *([503] if 503 in refusals else [])]
        parameters = [*given, *([filters] if filters else ()), _header(RETRY_AFTER, waits)]
        if method == "post":
            parameters += [_IDEMPOTENCY_KEY, _header(_REPLAYED, [*answers])]
        if etag and method in {"patch", "delete"}:
            parameters.append(_IF_MATCH)
        if etag and method != "delete":
            parameters.append(_header(_ETAG, [*answers]))
        described: F = extend_schema(
            operation_id=name, summary=summary, responses=responses, parameters=parameters, **more
        )(handler)
        return described

    return described


def _refusals(method: str, problems: dict[int, str], *, filters: Any, etag: bool) -> dict[int, str]:
    """HTTP status to the reason for which an operation refuses."""
    refusals = _ALWAYS | problems
    if filters:
        refusals |= INVALID_QUERY
    if method == "post":
        refusals.setdefault(400, "The idempotency key is not valid.")
        in_use = "The same request is being done at this moment."
        refusals[409] = f"{refusals[409]} Or: {in_use[0].lower()}{in_use[1:]}" if 409 in refusals else in_use
        refusals[422] = "The idempotency key was used for another request."
    if etag and method in {"patch", "delete"}:
        refusals |= {412: "The object has changed since you saw it.", 428: "`If-Match` is missing."}
    return refusals


def _header(header: OpenApiParameter, statuses: list[int]) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(
        header.name, header.type, OpenApiParameter.HEADER, description=header.description, response=statuses
    )
