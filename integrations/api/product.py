"""Connections, receipts of sessions and the feed of events, for the vendor's own product with a service token."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.product_access import (
    UsableRole,
    chain_settings,
    changes_after,
    feed_end,
    give_places,
    session_policies,
    usable_connections,
    usable_roles,
)
from integrations.actions.product_sessions import NotOfThisConnection, keep_product_sessions
from integrations.api.connections import field_error, valid
from integrations.aws.report import SessionPurpose, SessionReceipt
from integrations.models import Connection, StatusChange
from tenants.api.base import Pagination
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.schema import INVALID_BODY, INVALID_CURSOR, RETRY_AFTER, operation
from tenants.api.serializers import InputSerializer
from tenants.api.service_tokens import ProductAPIView

DEFAULT_EVENTS, MOST_EVENTS = 200, 1000
MOST_RECEIPTS = 10  # of one report; to enter a role takes three
_LIMITED = {429: "The token asked too often.", 503: "This installation answers no service tokens."}
_RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    description=RETRY_AFTER.description or "",
    response=[429],
)


class ProductTenantSerializer(serializers.Serializer[Any]):
    """Whose connection it is."""

    id = serializers.UUIDField()
    reference = serializers.CharField(help_text="The short id that session tags carry.")
    customer_number = serializers.CharField(help_text="Your own number of this customer; empty if staff set none.")


class ProductRoleSerializer(serializers.Serializer[UsableRole]):
    """A customer role that may be used now, and how."""

    component = serializers.CharField(source="role.component")
    status = serializers.ChoiceField(choices=["connected", "degraded"], source="role.status")
    status_since = serializers.DateTimeField(source="role.status_since")
    role_arn = serializers.CharField(source="arn")
    external_id = serializers.CharField(help_text="Sent on the last hop, and checked on the one before.")
    tags = serializers.SerializerMethodField(help_text="The session tags that the customer's CloudTrail shows.")
    hops = serializers.SerializerMethodField(
        help_text="The AssumeRole calls that lead into the role, as parameters of boto3's `assume_role`: each with the "
        "session of the one before."
    )
    caller_may_be_first = serializers.BooleanField(
        source="plan.caller_may_be_first",
        help_text="A process that runs as the first hop's role already leaves that hop out.",
    )
    session_policies = serializers.SerializerMethodField(
        help_text="To be added to the last hop, the most exact first: where AWS does not take one, use the next. Never "
        "open a session without one."
    )

    def get_tags(self, usable: UsableRole) -> dict[str, str]:
        """Key to value."""
        return {key: call.session_tags[key] for call in usable.plan.hops for key in call.transitive_tag_keys}

    def get_hops(self, usable: UsableRole) -> list[dict[str, Any]]:
        """In the order in which they are made."""
        return [call.parameters() for call in usable.plan.hops]

    def get_session_policies(self, usable: UsableRole) -> list[dict[str, Any]]:
        """Each as parameters of the call."""
        return session_policies(usable.plan)


class ProductConnectionSerializer(serializers.Serializer[Connection]):
    """One AWS account of a customer."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    tenant = ProductTenantSerializer()
    account_id = serializers.CharField(help_text="Empty as long as the customer named none.")
    status = serializers.CharField(source="worst_status", help_text="The worst status of all its customer roles.")
    status_since = serializers.DateTimeField(source="worst_status_since")
    roles = serializers.SerializerMethodField(
        help_text="Those that may be used now. A role that is not here must not be used: it is unsafe, paused, being "
        "removed, not proved yet or out of reach, or we have paused all access."
    )

    def get_roles(self, connection: Connection) -> list[dict[str, Any]]:
        """Usable ones alone."""
        return [dict(ProductRoleSerializer(usable).data) for usable in usable_roles(connection)]


class ProductConnectionDetailSerializer(ProductConnectionSerializer):
    """One AWS account of a customer, with what every session shares."""

    chain = serializers.SerializerMethodField(help_text="What every session shares.")

    def get_chain(self, _connection: Connection) -> dict[str, Any]:
        """The chain's settings."""
        return chain_settings()


class EventSerializer(serializers.Serializer[StatusChange]):
    """A customer role has another status."""

    position = serializers.IntegerField(source="feed_position", help_text="Its place in the feed.")
    type = serializers.SerializerMethodField(help_text="`customer_role.status_changed`; leave others aside.")
    at = serializers.DateTimeField()
    tenant_id = serializers.UUIDField()
    connection_id = serializers.UUIDField()
    component = serializers.CharField()
    before = serializers.CharField(help_text="Empty where the role is new.")
    after = serializers.CharField(help_text="Empty where there is no role any more.")
    cause = serializers.CharField()

    def get_type(self, _change: StatusChange) -> str:
        """So that other kinds can come."""
        return "customer_role.status_changed"


class EventPageSerializer(serializers.Serializer[Any]):
    """A part of the feed."""

    cursor = serializers.IntegerField(help_text="Ask with this one next.")
    more = serializers.BooleanField(help_text="Whether there was more just now: ask again at once.")
    events = EventSerializer(many=True)


class OldestFirst(Pagination):
    """Oldest first, so that what is new comes at the end; the first page says where the feed goes on."""

    ordering = ("created_at", "id")

    def get_paginated_response(self, data: Any) -> Response:
        """The page, with what every session shares."""
        response = super().get_paginated_response(data)
        response.data["chain"] = chain_settings()
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page, with the feed's cursor and what every session shares."""
        page = super().get_paginated_response_schema(schema)
        page["required"] += ["chain", "events_cursor"]
        page["properties"]["chain"] = {"type": "object", "description": "What every session shares."}
        page["properties"]["events_cursor"] = {
            "type": "integer",
            "description": "Read before the page: follow the feed from that of the first page, and nothing is missed.",
        }
        return page


class ProductConnectionFilters(Filters):
    """What connections can be filtered by."""

    account_id = serializers.CharField(max_length=12, required=False, help_text="Of this AWS account alone.")
    tenant_id = serializers.UUIDField(required=False, help_text="Of this organisation alone.")
    customer_number = serializers.CharField(
        source="tenant__customer_number",
        max_length=40,
        required=False,
        help_text="Of customers with this number of yours.",
    )


class ProductConnections(ProductAPIView):
    """The connections of all organisations."""

    pagination_class = OldestFirst

    @operation(
        "list_product_connections",
        "List the connections of all organisations (service token)",
        answers={200: ProductConnectionSerializer(many=True)},
        problems=_LIMITED,
        filters=ProductConnectionFilters,
        parameters=[_RETRY_AFTER],
    )
    def get(self, request: Request) -> Response:
        """Oldest first, each with the roles that may be used now and the calls that open a session in them."""
        end = feed_end()
        rows, _ = ProductConnectionFilters.applied(usable_connections(), request.query_params)
        paginator = OldestFirst()
        shown: Any = paginator.paginate_queryset(rows, request, self)
        response = paginator.get_paginated_response(ProductConnectionSerializer(shown, many=True).data)
        response.data["events_cursor"] = end
        return response


class ProductConnection(ProductAPIView):
    """One connection."""

    @operation(
        "get_product_connection",
        "Show a connection of any organisation (service token)",
        answers={200: ProductConnectionDetailSerializer},
        problems={404: "There is no such connection."} | _LIMITED,
        parameters=[_RETRY_AFTER],
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """What opens a session in its roles, as it is now. Ask before a session is opened, and every minute while one
        is used: a role that is gone from the answer must not be used any more.
        """
        connection = usable_connections().filter(pk=connection_id).first()
        if connection is None:
            raise Http404
        return Response(ProductConnectionDetailSerializer(connection).data)


class ProductReceiptInput(InputSerializer):
    """The receipt of one session that the product opened. No credential: the access key id names it in CloudTrail."""

    opened_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    role_arn = serializers.CharField(max_length=2048)
    role_id = serializers.CharField(max_length=64, allow_blank=True, default="")
    session_name = serializers.CharField(max_length=64)
    source_identity = serializers.CharField(max_length=64, allow_blank=True, default="")
    tags = serializers.DictField(child=serializers.CharField(max_length=256, allow_blank=True), default=dict)
    transitive_tag_keys = serializers.ListField(
        child=serializers.CharField(max_length=128), max_length=50, default=list
    )
    policy_sha256 = serializers.RegexField(
        r"^[0-9a-f]{64}$",
        allow_blank=True,
        default="",
        help_text="SHA-256, in hex, of the session policy and the ARNs of managed ones, a line each.",
    )
    access_key_id = serializers.RegexField(r"^[A-Z0-9]{16,128}$")
    request_id = serializers.CharField(max_length=64, allow_blank=True, default="")
    packed_policy_percent = serializers.IntegerField(min_value=0, max_value=100, allow_null=True, default=None)


class ProductSessionsInput(InputSerializer):
    """What the product opened to work for one component."""

    component = serializers.CharField(max_length=40)
    sessions = serializers.ListField(child=ProductReceiptInput(), min_length=1, max_length=MOST_RECEIPTS)


class ProductSessionsSerializer(serializers.Serializer[Any]):
    """What became of it."""

    kept = serializers.IntegerField(help_text="How many were not kept before.")


class ProductSessions(ProductAPIView):
    """The sessions that the product opened for one connection."""

    http_method_names = ["post"]

    @operation(
        "report_product_sessions",
        "Report the sessions that were opened (service token)",
        request=ProductSessionsInput,
        answers={201: ProductSessionsSerializer},
        problems={404: "There is no such connection."} | INVALID_BODY | _LIMITED,
        parameters=[_RETRY_AFTER],
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Give the receipt of each session before you use it: the customer sees it among the sessions of the
        connection. One that was reported before is kept once.
        """
        wanted = valid(ProductSessionsInput(data=request.data))
        connection = usable_connections().filter(pk=connection_id).first()
        if connection is None:
            raise Http404
        try:
            kept = keep_product_sessions(
                connection=connection,
                receipts=[_receipt(wanted["component"], one) for one in wanted["sessions"]],
            )
        except Connection.DoesNotExist as gone:
            raise Http404 from gone
        except NotOfThisConnection as error:
            raise field_error("sessions", str(error), "not_of_this_connection") from error
        return Response({"kept": kept}, status=201)


def _receipt(component: str, given: dict[str, Any]) -> SessionReceipt:
    lists = {"tags": tuple(sorted(given["tags"].items())), "transitive_tag_keys": tuple(given["transitive_tag_keys"])}
    return SessionReceipt(**given | lists, component=component, purpose=SessionPurpose.PRODUCT)


class ProductEvents(ProductAPIView):
    """The feed of events of all organisations."""

    @operation(
        "list_product_events",
        "Follow what changes (service token)",
        answers={200: EventPageSerializer},
        problems=INVALID_CURSOR | _LIMITED,
        parameters=[
            OpenApiParameter("cursor", OpenApiTypes.INT, description="Of the last answer; from the beginning without."),
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"{DEFAULT_EVENTS}; {MOST_EVENTS} at the most."),
            _RETRY_AFTER,
        ],
    )
    def get(self, request: Request) -> Response:
        """Each event once, in an order that never changes, and none is passed over: keep `cursor` with what you did,
        and ask with it again.
        """
        after = _whole_number(request, "cursor", 0)
        most = min(_whole_number(request, "limit", DEFAULT_EVENTS), MOST_EVENTS) or 1
        give_places()
        if after > feed_end():
            # The database was restored from a backup: what came after it is gone, and its places are given again.
            raise _invalid_cursor("The cursor is ahead of the feed. List the connections anew, and go on from there.")
        found = changes_after(after, most + 1)
        events = found[:most]
        page = {
            "cursor": events[-1].feed_position if events else after,
            "more": len(found) > most,
            "events": events,
        }
        return Response(EventPageSerializer(page).data)


def _whole_number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise _invalid_cursor(f"`{name}` is a whole number.")
    return int(text)


def _invalid_cursor(detail: str) -> Problem:
    return Problem("invalid-cursor", "The cursor is none of ours", detail, 400)
