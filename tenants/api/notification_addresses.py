"""Notification addresses, for programs."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.settings import AddressRefused, add_notification_address, remove_notification_address
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.rate_limits import too_many_requests
from tenants.api.schema import INVALID_BODY, NOT_FOUND, location_of, operation
from tenants.api.serializers import InputSerializer
from tenants.limits import TooOften
from tenants.models import NotificationAddress
from tenants.permissions import Permission


class NotificationAddressSerializer(serializers.ModelSerializer[NotificationAddress]):
    """An address that is told what concerns your organisation, beside its owners."""

    verified_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When its reader confirmed it; null before, and it is told nothing."
    )

    class Meta:
        model = NotificationAddress
        fields = ["id", "email", "created_at", "verified_at"]
        read_only_fields = fields


class NotificationAddressInput(InputSerializer):
    """An address to be told what concerns your organisation."""

    email = serializers.EmailField(max_length=254)


class NotificationAddressFilters(Filters):
    """What notification addresses can be filtered by."""

    orderings = ("created_at",)

    is_verified = serializers.BooleanField(required=False, help_text="Whether its reader confirmed it.")

    def filter_is_verified(self, rows: "QuerySet[NotificationAddress]", value: bool) -> "QuerySet[NotificationAddress]":
        """Those that were confirmed, or the others."""
        return rows.filter(verified_at__isnull=not value)


class NotificationAddressPagination(Pagination):
    """The latest first."""

    ordering = ("-created_at", "-id")


class NotificationAddresses(TenantAPIView):
    """The notification addresses of the organisation."""

    permissions = {"GET": Permission.ADMINISTER, "POST": Permission.ADMINISTER}
    pagination_class = NotificationAddressPagination

    @operation(
        "list_notification_addresses",
        "List the notification addresses",
        answers={200: NotificationAddressSerializer(many=True)},
        filters=NotificationAddressFilters,
    )
    def get(self, _request: Request) -> Response:
        """The latest first, confirmed or not."""
        rows = NotificationAddress.objects.filter(tenant_id=self.tenant.pk)
        return self.page(rows, NotificationAddressSerializer, NotificationAddressFilters)

    @operation(
        "create_notification_address",
        "Add a notification address",
        request=NotificationAddressInput,
        answers={201: NotificationAddressSerializer},
        parameters=[location_of("the notification address", 201)],
        problems=INVALID_BODY | {409: "The address is confirmed already, or there are as many as there may be."},
    )
    def post(self, request: Request) -> Response:
        """Add an address. A link goes there, and it is told nothing until its reader has opened it. Adding one that is
        not confirmed yet sends the link again.
        """
        wanted = NotificationAddressInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            added = add_notification_address(tenant=self.tenant, by=self.actor, **wanted.validated_data)
        except AddressRefused as error:
            raise Problem("address-refused", "The address cannot be added", str(error), 409) from error
        except TooOften as error:
            raise too_many_requests(str(error), error.retry_after_seconds) from error
        address = reverse("api:notification_address", args=[added.pk])
        return self.one(_shown(added), status=201, headers={"Location": address})


class NotificationAddressDetail(TenantAPIView):
    """One notification address."""

    permissions = {"GET": Permission.ADMINISTER, "DELETE": Permission.ADMINISTER}

    @operation(
        "get_notification_address",
        "Show a notification address",
        answers={200: NotificationAddressSerializer},
        problems=NOT_FOUND,
        etag=True,
    )
    def get(self, _request: Request, address_id: UUID) -> Response:
        """An address, and whether it is confirmed."""
        return self.one(_shown(self._address_or_404(address_id)))

    @operation(
        "remove_notification_address",
        "Remove a notification address",
        request=None,
        answers={204: None},
        problems=NOT_FOUND,
        etag=True,
    )
    def delete(self, _request: Request, address_id: UUID) -> Response:
        """Tell the address nothing any more."""
        self.lock_tenant()
        self.require_match(_shown(self._address_or_404(address_id)))
        remove_notification_address(tenant=self.tenant, address_id=address_id, by=self.actor)
        return Response(status=204)

    def _address_or_404(self, address_id: UUID) -> NotificationAddress:
        address = NotificationAddress.objects.filter(tenant_id=self.tenant.pk, pk=address_id).first()
        if address is None:
            raise Http404
        return address


def _shown(address: NotificationAddress) -> dict[str, Any]:
    return dict(NotificationAddressSerializer(address).data)
