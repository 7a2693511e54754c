"""What every API view shares: who may ask, the scope of its tenant, how bodies are read and lists are paged."""

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponseBase
from rest_framework import exceptions, serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.actions.idempotent_requests import Claim, give_back, keep
from tenants.api.authentication import Credential
from tenants.api.entity_tags import entity_tag, require_match
from tenants.api.filters import LONGEST_PAGE, USUAL_PAGE, Filters
from tenants.api.idempotency import AnsweredBefore, answer_of, claim_request
from tenants.api.problems import Problem
from tenants.api.rate_limits import count_call
from tenants.audit import Actor
from tenants.models import Tenant
from tenants.names import is_readable
from tenants.permissions import Permission
from tenants.scope import tenant_scope


class OneAnswer(BaseContentNegotiation):
    """Each view answers in one form, whatever `Accept` says: refusing to answer would help no program."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The parser for the body's content type, None if there is none for it."""
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002 — DRF passes it by name
        renderers: Any,
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        """The view's one renderer."""
        return renderers[0], renderers[0].media_type


class BodyParser(JSONParser):
    """Reads JSON bodies; what would exhaust the reader is a refusal like any other."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The body's value.

        Raises:
            ParseError: it is no JSON, nested too deeply, or a name in it is one that no answer can repeat.
        """
        try:
            body = super().parse(stream, media_type, parser_context)
            if _unreadable_name(body):
                raise exceptions.ParseError("A field's name holds a NUL or half of a surrogate pair. Leave it out.")
        except RecursionError:
            raise exceptions.ParseError("The JSON document is nested too deeply.") from None
        return body


def _unreadable_name(value: Any) -> bool:
    """Whether the name of a field is none; the fields themselves judge their values, and say which is at fault."""
    if isinstance(value, dict):
        return any(not is_readable(name) or _unreadable_name(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(_unreadable_name, value))


class Pagination(CursorPagination):
    """Pages by cursor, so that a page stays right while rows are added."""

    page_size = USUAL_PAGE
    page_size_query_param = "page_size"
    max_page_size = LONGEST_PAGE
    ordering: str | tuple[str, ...] = "-created_at"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """The rows of the page asked for.

        Raises:
            Problem: the cursor is none of ours.
        """
        self._model = queryset.model
        try:
            return super().paginate_queryset(queryset, request, view)
        except (exceptions.NotFound, DjangoValidationError, ValueError, OverflowError):
            raise Problem(
                "invalid-cursor",
                "The cursor is none of ours",
                "Take `cursor` from `next` or `previous` of another page, or leave it out.",
                400,
            ) from None

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The cursor of the request, whose position is a value that the rows can have.

        Raises:
            ValueError, OverflowError, ValidationError, NotFound: it is none of ours.
        """
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            first = (self.ordering if isinstance(self.ordering, str) else self.ordering[0]).lstrip("-")
            position = self._model._meta.get_field(first).to_python(cursor.position)
            if isinstance(position, datetime):
                position.astimezone(UTC)  # the ends of the calendar overflow in other time zones
            elif not is_readable(str(position)):
                raise ValueError("a text that no row can have")
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A page in the words of OpenAPI 3.1; DRF's own says null as 3.0 did."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": link | {"description": "The address of the next page, null on the last."},
                "previous": link | {"description": "The address of the page before, null on the first."},
                "results": schema,
            },
        }


class ApiView(APIView):
    """How every address of the API reads and answers."""

    http_method_names = ["get", "head", "post", "patch", "put", "delete"]
    content_negotiation_class = OneAnswer
    parser_classes = [BodyParser]

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """DRF's, with problems always as JSON, and nothing for a cache to keep."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response) and response.exception:
            response.accepted_renderer = JSONRenderer()
        response["Cache-Control"] = "no-store"
        return response


class TenantAPIView(ApiView):
    """A view of the API. `permissions` names what each method asks for, and a method that is not named is refused.

    The tenant's scope is open while the handler runs, and all that it wrote is rolled back if it answers with an error.
    A handler that calls the world outside sets `scoped = False` and opens the scope itself.

    A POST with an `Idempotency-Key` is done once; sent again it is answered the same.
    """

    access = "token"
    permissions: dict[str, Permission] = {}
    scoped = True
    pagination_class: type[Pagination] | None = None

    request: Request

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request, in the scope of the token's tenant."""
        self._in_scope = False
        self._claim: Claim | None = None
        done = False
        try:
            with ExitStack() as self._scopes:
                response = super().dispatch(request, *args, **kwargs)
                if response.status_code >= 400:
                    if self._in_scope:
                        transaction.set_rollback(True)
                elif self._claim:
                    keep(self._claim, answer_of(response))
            done = response.status_code < 400
        finally:
            if self._claim and not done:
                give_back(self._claim)
        return response

    def perform_authentication(self, request: Request) -> None:
        """Find the token, and count the call, whatever becomes of it."""
        super().perform_authentication(request)
        if isinstance(request.auth, Credential):
            count_call(request.auth.token)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, check, and then enter the tenant."""
        super().initial(request, *args, **kwargs)
        _refuse_large_body(request)
        if request.method == "POST":
            self._claim = claim_request(request, self.credential.token)
        if self.scoped:
            self._scopes.enter_context(tenant_scope(self.tenant.pk))
            self._in_scope = True

    def handle_exception(self, exc: Exception) -> Response:
        """DRF's, and the answer of a request that was done before."""
        if isinstance(exc, AnsweredBefore):
            return exc.response
        return super().handle_exception(exc)

    def page(
        self,
        rows: QuerySet[Any],
        serializer: type[serializers.BaseSerializer[Any]],
        filters: type[Filters] = Filters,
    ) -> Response:
        """The page of `rows` that the request asks for."""
        assert self.pagination_class is not None  # noqa: S101 — a view with lists names it
        paginator = self.pagination_class()
        rows, ordering = filters.applied(rows, self.request.query_params)
        if ordering:
            paginator.ordering = (ordering, "-id" if ordering.startswith("-") else "id")
        shown = paginator.paginate_queryset(rows, self.request, self)
        return paginator.get_paginated_response(serializer(shown, many=True).data)

    def one(self, data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """One object, with its entity tag."""
        return Response(data, status=status, headers={"ETag": entity_tag(data)} | (headers or {}))

    def require_match(self, data: Any) -> None:
        """Refuse to change an object that the client has not seen as it is; the caller has locked it."""
        require_match(self.request, data)

    def lock_tenant(self) -> Tenant:
        """The tenant, read anew behind its lock, which comes before that of anything else of people and settings."""
        return Tenant.objects.select_for_update(no_key=True).get(pk=self.tenant.pk)

    @property
    def credential(self) -> Credential:
        """The token of the request and its member."""
        credential = self.request.auth
        assert isinstance(credential, Credential)  # noqa: S101 — DeclaredPermission let it in
        return credential

    @property
    def tenant(self) -> Tenant:
        """The tenant of the token."""
        return self.credential.token.tenant

    @property
    def actor(self) -> Actor:
        """Who acts, for audit."""
        return Actor.token(self.credential.token)


def _refuse_large_body(request: Request) -> None:
    """DRF reads a body past Django's own limit, so it is asked here, before anything is read."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or "0"
    if limit is not None and length.isdecimal() and int(length) > limit:
        raise Problem(
            "too-large",
            "The body is too large",
            f"Send {limit} bytes at the most; nothing here needs more.",
            413,
        )
