"""Verifications and their findings, for programs."""

from uuid import UUID

from django.http import Http404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.verifications import NotReady, TooManyVerifications, request_verification
from integrations.api.connections import connection_or_404, not_ready
from integrations.api.serializers import VerificationDetailSerializer, VerificationInput, VerificationSerializer
from integrations.models import Connection, Verification
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.schema import FORBIDDEN, INVALID_BODY, NOT_FOUND, location_of, operation
from tenants.permissions import Permission
from tenants.scope import tenant_scope

QUEUE_RETRY_AFTER_SECONDS = 30


class VerificationFilters(Filters):
    """What verifications can be filtered by."""

    orderings = ("requested_at",)

    state = serializers.ChoiceField(choices=Verification.State.choices, required=False)
    checks = serializers.ChoiceField(choices=Verification.Checks.choices, required=False)
    since = serializers.DateTimeField(source="requested_at__gte", required=False, help_text="Asked for since then.")
    until = serializers.DateTimeField(source="requested_at__lt", required=False, help_text="Asked for before then.")


class VerificationPagination(Pagination):
    """The latest first."""

    ordering = "-requested_at"


class ConnectionVerifications(TenantAPIView):
    """The verifications of one connection. Asking for one sends a message to the queue once the scope is closed."""

    permissions = {"GET": Permission.VIEW, "POST": Permission.VERIFY}
    pagination_class = VerificationPagination
    scoped = False

    @operation(
        "list_verifications",
        "List a connection's verifications",
        answers={200: VerificationSerializer(many=True)},
        filters=VerificationFilters,
        problems=NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """The latest first."""
        with tenant_scope(self.tenant.pk):
            connection = connection_or_404(self.tenant, connection_id)
            return self.page(connection.verifications.all(), VerificationSerializer, VerificationFilters)

    @operation(
        "request_verification",
        "Verify a connection",
        request=VerificationInput,
        answers={202: VerificationSerializer},
        parameters=[location_of("the verification", 202)],
        problems=INVALID_BODY
        | FORBIDDEN
        | NOT_FOUND
        | {
            409: "No AWS account or no component is chosen yet, or the connection is paused or removed.",
            429: "Too many calls were made, or as many verifications asked for in an hour as your organisation may: "
            "`Retry-After` says when to go on.",
            503: "The queue is unavailable: nothing was started. Try again after `Retry-After` seconds.",
        },
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Start a verification and follow it at the answer's `Location`. While one is under way, it is the answer.

        One of reachability alone changes no status. Where it finds a role otherwise than its status says, a whole
        verification starts by itself.
        """
        wanted = VerificationInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        with tenant_scope(self.tenant.pk):
            # Not read here: it is read there, locked.
            connection = Connection(pk=connection_id, tenant_id=self.tenant.pk)
            try:
                verification = request_verification(connection=connection, by=self.actor, **wanted.validated_data)
            except Connection.DoesNotExist:
                raise Http404 from None
            except TooManyVerifications as error:
                raise Problem(
                    "too-many-verifications",
                    "Too many verifications were asked for",
                    str(error),
                    429,
                    retry_after=error.retry_after_seconds,
                ) from error
            except NotReady as error:
                raise not_ready(error) from error
        if verification.failure == "queue_unavailable":
            raise Problem(
                "queue-unavailable",
                "The verification could not be started",
                "Our queue is unavailable at the moment, so nothing was started. Try again in half a minute.",
                503,
                retry_after=QUEUE_RETRY_AFTER_SECONDS,
            )
        address = reverse("api:verification", args=[verification.pk])
        return Response(VerificationSerializer(verification).data, status=202, headers={"Location": address})


class VerificationDetail(TenantAPIView):
    """One verification."""

    permissions = {"GET": Permission.VIEW}

    @operation(
        "get_verification", "Show a verification", answers={200: VerificationDetailSerializer}, problems=NOT_FOUND
    )
    def get(self, _request: Request, verification_id: UUID) -> Response:
        """A verification with what it has found so far."""
        verification = (
            Verification.objects.select_related("connection")
            .prefetch_related("findings")
            .filter(tenant=self.tenant, pk=verification_id)
            .first()
        )
        if verification is None:
            raise Http404
        return Response(VerificationDetailSerializer(verification).data)
