"""Connections, for programs."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ErrorDetail, ValidationError

from integrations.actions.connections import ConnectionInUse, TooManyConnections, create_connection, update_connection
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import NotOfThisConnection, pause, resume
from integrations.actions.verifications import NotReady
from integrations.api.serializers import ChosenComponentsInput, ConnectionInput, ConnectionSerializer
from integrations.aws.arns import InvalidAccountId
from integrations.aws.vendor import VendorAccountAsCustomer
from integrations.catalogue import UnknownComponent
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Status
from integrations.models.connection import ConnectionQuerySet
from integrations.role_templates.options import InvalidRoleOption
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.schema import FORBIDDEN, INVALID_BODY, NOT_FOUND, location_of, operation
from tenants.api.serializers import InputSerializer
from tenants.models import Tenant
from tenants.permissions import Permission
from tenants.scope import tenant_scope


def connection_or_404(tenant: Tenant, connection_id: UUID, *, for_change: bool = False) -> Connection:
    """The tenant's connection, locked where it will be changed; another tenant's is unknown like one that never was."""
    rows = Connection.objects.for_tenant(tenant.pk)
    try:
        return (rows.select_for_update(no_key=True) if for_change else rows).get(pk=connection_id)
    except Connection.DoesNotExist:
        raise Http404 from None


def not_ready(error: NotReady) -> Problem:
    """The problem of a connection that lacks something."""
    return Problem("not-ready", "The connection is not ready for this", str(error), 409)


class ConnectionFilters(Filters):
    """What connections can be filtered by."""

    orderings = ("created_at", "name")

    name = serializers.CharField(
        source="name__has_part", max_length=100, required=False, help_text="Part of the name, in any case."
    )
    account_id = serializers.CharField(max_length=12, required=False, help_text="The AWS account: 12 digits.")
    search = serializers.CharField(
        max_length=100,
        required=False,
        help_text="Part of the name or of the AWS account, or the whole external ID or reference, as on the page.",
    )
    status = serializers.ChoiceField(
        source="worst_status",
        choices=Status.choices,
        required=False,
        help_text="The connection's own: the worst of its customer roles.",
    )
    role_status = serializers.ChoiceField(
        choices=Status.choices, required=False, help_text="At least one customer role has this status."
    )
    is_removed = serializers.BooleanField(required=False, help_text="Whether its removal was asked for.")

    def filter_search(self, rows: ConnectionQuerySet, value: str) -> ConnectionQuerySet:
        """Those that the page's search finds."""
        return rows.found_by(value)

    def filter_role_status(self, rows: "QuerySet[Connection]", value: str) -> "QuerySet[Connection]":
        """Those of which a customer role has this status."""
        return rows.filter(Exists(CustomerRole.objects.filter(connection=OuterRef("pk"), status=value)))

    def filter_is_removed(self, rows: "QuerySet[Connection]", value: bool) -> "QuerySet[Connection]":
        """Those whose removal was asked for, or the others."""
        return rows.filter(removal_requested_at__isnull=not value)


class Connections(TenantAPIView):
    """The connections of the organisation."""

    permissions = {"GET": Permission.VIEW, "POST": Permission.MANAGE}
    pagination_class = Pagination

    @operation(
        "list_connections",
        "List the connections",
        answers={200: ConnectionSerializer(many=True)},
        filters=ConnectionFilters,
    )
    def get(self, _request: Request) -> Response:
        """Newest first."""
        rows = Connection.objects.for_tenant(self.tenant.pk).for_display()
        return self.page(rows, ConnectionSerializer, ConnectionFilters)

    @operation(
        "create_connection",
        "Make a connection",
        request=ConnectionInput,
        answers={201: ConnectionSerializer},
        parameters=[location_of("the connection", 201)],
        problems=INVALID_BODY | FORBIDDEN | {409: "Your organisation has as many connections as it may have."},
    )
    def post(self, request: Request) -> Response:
        """Make a connection with an external ID of its own; the answer's `Location` is its address."""
        wanted = valid(ConnectionInput(data=request.data))
        connection = _refusing_invalid(create_connection, tenant=self.tenant, by=self.actor, **wanted)
        address = reverse("api:connection", args=[connection.pk])
        return self.one(_shown(connection), status=201, headers={"Location": address})


class ConnectionDetail(TenantAPIView):
    """One connection."""

    permissions = {"GET": Permission.VIEW, "PATCH": Permission.MANAGE, "DELETE": Permission.MANAGE}

    @operation(
        "get_connection", "Show a connection", answers={200: ConnectionSerializer}, problems=NOT_FOUND, etag=True
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """A connection with its customer roles and its last verification."""
        return self.one(_shown(connection_or_404(self.tenant, connection_id)))

    @operation(
        "update_connection",
        "Change a connection",
        request=ConnectionInput,
        answers={200: ConnectionSerializer},
        problems=INVALID_BODY
        | FORBIDDEN
        | NOT_FOUND
        | {409: "The account gave us access already or was imported and cannot change, or the connection goes."},
        etag=True,
    )
    def patch(self, request: Request, connection_id: UUID) -> Response:
        """Change the name, the AWS account or the components; what is left out stays.

        The account can change until its roles first let us in; they begin anew then. A component that is left out
        after its role let us in is removed: we look until AWS refuses us there.
        """
        wanted = valid(ConnectionInput(data=request.data, partial=True))
        connection = connection_or_404(self.tenant, connection_id, for_change=True)
        self.require_match(_shown(connection))
        return self.one(_shown(_refusing_invalid(update_connection, connection=connection, by=self.actor, **wanted)))

    @operation(
        "remove_connection",
        "Remove a connection",
        request=None,
        answers={202: ConnectionSerializer},
        problems=FORBIDDEN | NOT_FOUND,
        etag=True,
    )
    def delete(self, _request: Request, connection_id: UUID) -> Response:
        """Take the connection out of use for good. Then delete the stack: we look until AWS refuses us in each role,
        and set `removed_at`. It cannot be undone, and its external ID is never used again.
        """
        connection = connection_or_404(self.tenant, connection_id, for_change=True)
        self.require_match(_shown(connection))
        return Response(_shown(request_removal(connection=connection, by=self.actor)), status=202)


class PauseConnection(TenantAPIView):
    """Pausing the customer roles of a connection."""

    permissions = {"POST": Permission.MANAGE}

    @operation(
        "pause_connection",
        "Pause a connection",
        request=ChosenComponentsInput,
        answers={200: ConnectionSerializer},
        problems=INVALID_BODY | FORBIDDEN | NOT_FOUND,
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Pause its customer roles, or those of some components: no session is opened in them, and none is refreshed,
        until they are resumed. A session that is open already ends within the hour.
        """
        wanted = valid(ChosenComponentsInput(data=request.data))
        connection = connection_or_404(self.tenant, connection_id)
        _refusing_invalid(pause, connection=connection, by=self.actor, **wanted)
        return Response(_shown(connection))


class ResumeConnection(TenantAPIView):
    """Resuming paused customer roles. Their verification is sent to the queue once the scope is closed."""

    permissions = {"POST": Permission.MANAGE}
    scoped = False

    @operation(
        "resume_connection",
        "Resume a connection",
        request=ChosenComponentsInput,
        answers={200: ConnectionSerializer},
        problems=INVALID_BODY | FORBIDDEN | NOT_FOUND | {409: "We have paused all access for now."},
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Resume its paused customer roles, or those of some components, and verify the connection.

        `last_verification` is that verification; with `queue_unavailable` as its `failure` it was not started, and is
        tried again by itself.
        """
        wanted = valid(ChosenComponentsInput(data=request.data))
        with tenant_scope(self.tenant.pk):
            connection = connection_or_404(self.tenant, connection_id)
            _refusing_invalid(resume, connection=connection, by=self.actor, **wanted)
        with tenant_scope(self.tenant.pk):
            return Response(_shown(connection))


def _shown(connection: Connection) -> dict[str, Any]:
    shown = Connection.objects.for_tenant(connection.tenant_id).for_display().get(pk=connection.pk)
    return dict(ConnectionSerializer(shown).data)


def valid(serializer: InputSerializer) -> dict[str, Any]:
    """What the serializer read; ValidationError where it is not valid."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _refusing_invalid(action: Any, **arguments: Any) -> Any:
    """The action's result, its refusals of a value as the error of that field."""
    try:
        return action(**arguments)
    except InvalidAccountId as error:
        raise field_error("account_id", str(error), "invalid_account_id") from error
    except InvalidRoleOption as error:
        raise field_error("account_id", f"{error} Change the boundary first.", "boundary_of_another_account") from error
    except VendorAccountAsCustomer as error:
        raise field_error("account_id", str(error), "vendor_account") from error
    except UnknownComponent as error:
        known = ", ".join(component.id for component in catalogue().components)
        raise field_error("components", f"{error} Choose from: {known}.", "unknown_component") from error
    except NotOfThisConnection as error:
        raise field_error("components", str(error), "unknown_component") from error
    except NotReady as error:
        raise not_ready(error) from error
    except TooManyConnections as error:
        raise Problem("too-many-connections", "There is no room for another connection", str(error), 409) from error
    except ConnectionInUse as error:
        raise Problem("connection-in-use", "The connection cannot change this way", str(error), 409) from error


def field_error(field: str, message: str, code: str) -> ValidationError:
    """The error of one field."""
    return ValidationError({field: [ErrorDetail(message, code=code)]})
