"""Mail domains of the organisation, for programs."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.single_sign_on import DomainRefused, add_domain, clean_domain, remove_domain
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.rate_limits import too_many_requests
from tenants.api.schema import INVALID_BODY, NOT_FOUND, location_of, operation
from tenants.api.serializers import InputSerializer
from tenants.limits import TooOften
from tenants.models import TenantDomain
from tenants.permissions import Permission


class DomainSerializer(serializers.ModelSerializer[TenantDomain]):
    """A mail domain, with whose addresses your provider signs members in once it is verified."""

    expires_at = serializers.DateTimeField(read_only=True, help_text="When the link that was mailed ends.")
    verified_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the link was opened; null before, and it counts for nothing."
    )

    class Meta:
        model = TenantDomain
        fields = ["id", "domain", "mailbox", "created_at", "expires_at", "verified_at"]
        read_only_fields = fields


class DomainInput(InputSerializer):
    """A domain to verify."""

    domain = serializers.CharField(max_length=253, help_text="What stands after the @ of your addresses.")
    mailbox = serializers.ChoiceField(
        choices=TenantDomain.Mailbox.choices,
        default=TenantDomain.Mailbox.POSTMASTER,
        help_text="Whose mailbox the link goes to.",
    )

    def validate_domain(self, value: str) -> str:
        """The domain, as it is kept.

        Raises:
            ValidationError: it is none.
        """
        try:
            return clean_domain(value)
        except DomainRefused as error:
            raise serializers.ValidationError(str(error)) from error


class DomainFilters(Filters):
    """What domains can be filtered by."""

    orderings = ("created_at",)

    is_verified = serializers.BooleanField(required=False, help_text="Whether the link was opened.")

    def filter_is_verified(self, rows: "QuerySet[TenantDomain]", value: bool) -> "QuerySet[TenantDomain]":
        """Those that were verified, or the others."""
        return rows.filter(verified_at__isnull=not value)


class DomainPagination(Pagination):
    """The latest first."""

    ordering = ("-created_at", "-id")


class Domains(TenantAPIView):
    """The mail domains of the organisation."""

    permissions = {"GET": Permission.OWN, "POST": Permission.OWN}
    pagination_class = DomainPagination

    @operation(
        "list_domains", "List the mail domains", answers={200: DomainSerializer(many=True)}, filters=DomainFilters
    )
    def get(self, _request: Request) -> Response:
        """The latest first, verified or not."""
        rows = TenantDomain.objects.filter(tenant_id=self.tenant.pk)
        return self.page(rows, DomainSerializer, DomainFilters)

    @operation(
        "create_domain",
        "Add a mail domain",
        request=DomainInput,
        answers={201: DomainSerializer},
        parameters=[location_of("the domain", 201)],
        problems=INVALID_BODY | {409: "The domain is verified already, or there are as many as there may be."},
    )
    def post(self, request: Request) -> Response:
        """Add a domain. A link goes to its postmaster or admin, and the domain counts once whoever reads that mail has
        opened it: no program can. Adding one that is not verified yet sends another link.
        """
        wanted = DomainInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        mailbox = TenantDomain.Mailbox(wanted.validated_data["mailbox"])
        try:
            added = add_domain(
                tenant=self.tenant, domain=wanted.validated_data["domain"], mailbox=mailbox, by=self.actor
            )
        except DomainRefused as error:
            raise Problem("domain-refused", "The domain cannot be added", str(error), 409) from error
        except TooOften as error:
            raise too_many_requests(str(error), error.retry_after_seconds) from error
        return self.one(_shown(added), status=201, headers={"Location": reverse("api:domain", args=[added.pk])})


class DomainDetail(TenantAPIView):
    """One mail domain."""

    permissions = {"GET": Permission.OWN, "DELETE": Permission.OWN}

    @operation("get_domain", "Show a mail domain", answers={200: DomainSerializer}, problems=NOT_FOUND, etag=True)
    def get(self, _request: Request, domain_id: UUID) -> Response:
        """A domain, and whether it is verified."""
        return self.one(_shown(self._domain_or_404(domain_id)))

    @operation(
        "remove_domain",
        "Remove a mail domain",
        request=None,
        answers={204: None},
        problems=NOT_FOUND,
        etag=True,
    )
    def delete(self, _request: Request, domain_id: UUID) -> Response:
        """Forget a domain: nobody is signed in with its addresses any more, and sessions of the provider are over. With
        the last verified one nobody must sign in by the provider any more.
        """
        self.lock_tenant()
        self.require_match(_shown(self._domain_or_404(domain_id)))
        remove_domain(tenant=self.tenant, domain_id=domain_id, by=self.actor)
        return Response(status=204)

    def _domain_or_404(self, domain_id: UUID) -> TenantDomain:
        domain = TenantDomain.objects.filter(tenant_id=self.tenant.pk, pk=domain_id).first()
        if domain is None:
            raise Http404
        return domain


def _shown(domain: TenantDomain) -> dict[str, Any]:
    return dict(DomainSerializer(domain).data)
