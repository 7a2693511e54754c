"""Invitations, for programs."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.invitations import AlreadyMember, invite, resend_invitation, revoke_invitation
from tenants.actions.members import NotAllowed
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.rate_limits import too_many_requests
from tenants.api.schema import INVALID_BODY, NOT_FOUND, location_of, operation
from tenants.api.serializers import InputSerializer
from tenants.limits import TooOften
from tenants.models import Invitation
from tenants.permissions import Permission, Role


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An offer to one address to become a member."""

    invited_by = serializers.EmailField(source="invited_by.email", read_only=True, allow_null=True)
    is_open = serializers.BooleanField(read_only=True, help_text="Whether it can still be accepted.")

    class Meta:
        model = Invitation
        fields = [
            "id",
            "email",
            "role",
            "is_open",
            "invited_by",
            "created_at",
            "expires_at",
            "accepted_at",
            "revoked_at",
        ]
        read_only_fields = fields


class InvitationInput(InputSerializer):
    """Somebody to invite."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, help_text="Owners are invited by owners alone.")


class InvitationFilters(Filters):
    """What invitations can be filtered by."""

    orderings = ("created_at",)

    email = serializers.EmailField(source="email__iexact", max_length=254, required=False)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    is_open = serializers.BooleanField(required=False, help_text="Whether it can still be accepted.")

    def filter_is_open(self, rows: "QuerySet[Invitation]", value: bool) -> "QuerySet[Invitation]":
        """Those that can still be accepted, or the others."""
        is_open = Q(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
        return rows.filter(is_open if value else ~is_open)


class InvitationPagination(Pagination):
    """The latest first."""

    ordering = ("-created_at", "-id")


class Invitations(TenantAPIView):
    """The invitations of the organisation."""

    permissions = {"GET": Permission.ADMINISTER, "POST": Permission.ADMINISTER}
    pagination_class = InvitationPagination

    @operation(
        "list_invitations",
        "List the invitations",
        answers={200: InvitationSerializer(many=True)},
        filters=InvitationFilters,
    )
    def get(self, _request: Request) -> Response:
        """The latest first, whether they are open or not."""
        rows = Invitation.objects.filter(tenant_id=self.tenant.pk).select_related("invited_by")
        return self.page(rows, InvitationSerializer, InvitationFilters)

    @operation(
        "create_invitation",
        "Invite somebody",
        request=InvitationInput,
        answers={201: InvitationSerializer},
        parameters=[location_of("the invitation", 201)],
        problems=INVALID_BODY | {409: "Somebody with this address is a member already."},
    )
    def post(self, request: Request) -> Response:
        """Send an invitation by mail. One to the same address that is open already is sent anew, with this role."""
        wanted = InvitationInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        email, role = wanted.validated_data["email"], Role(wanted.validated_data["role"])
        try:
            made = invite(tenant=self.tenant, email=email, role=role, acting=self.credential.member, by=self.actor)
        except AlreadyMember as error:
            raise Problem("already-member", "This is a member already", str(error), 409) from error
        except NotAllowed as error:
            raise exceptions.PermissionDenied(str(error)) from error
        except TooOften as error:
            raise too_many_requests(str(error), error.retry_after_seconds) from error
        address = reverse("api:invitation", args=[made.pk])
        return self.one(_shown(made), status=201, headers={"Location": address})


class InvitationDetail(TenantAPIView):
    """One invitation."""

    permissions = {"GET": Permission.ADMINISTER, "DELETE": Permission.ADMINISTER}

    @operation(
        "get_invitation", "Show an invitation", answers={200: InvitationSerializer}, problems=NOT_FOUND, etag=True
    )
    def get(self, _request: Request, invitation_id: UUID) -> Response:
        """An invitation, and what became of it."""
        return self.one(_shown(_invitation_or_404(self, invitation_id)))

    @operation(
        "revoke_invitation",
        "Revoke an invitation",
        request=None,
        answers={200: InvitationSerializer},
        problems=NOT_FOUND | {409: "It was accepted or revoked already."},
        etag=True,
    )
    def delete(self, _request: Request, invitation_id: UUID) -> Response:
        """End an invitation at once: its link opens nothing any more."""
        self.lock_tenant()
        self.require_match(_shown(_invitation_or_404(self, invitation_id)))
        return Response(_shown(_refusing(self, revoke_invitation, invitation_id)))


class ResendInvitation(TenantAPIView):
    """Sending an invitation again."""

    permissions = {"POST": Permission.ADMINISTER}

    @operation(
        "resend_invitation",
        "Send an invitation again",
        request=None,
        answers={200: InvitationSerializer},
        problems=NOT_FOUND | {409: "It was accepted or revoked already."},
    )
    def post(self, _request: Request, invitation_id: UUID) -> Response:
        """Send it with a new link, which lasts anew; the old link ends."""
        _invitation_or_404(self, invitation_id)
        return Response(_shown(_refusing(self, resend_invitation, invitation_id)))


def _invitation_or_404(view: TenantAPIView, invitation_id: UUID) -> Invitation:
    rows = Invitation.objects.select_related("invited_by")
    invitation = rows.filter(tenant_id=view.tenant.pk, pk=invitation_id).first()
    if invitation is None:
        raise Http404
    return invitation


def _refusing(view: TenantAPIView, action: Any, invitation_id: UUID) -> Invitation:
    """The invitation that the action changed, its refusals as problems."""
    try:
        changed: Invitation = action(
            tenant=view.tenant, invitation_id=invitation_id, acting=view.credential.member, by=view.actor
        )
    except Invitation.DoesNotExist:
        detail = "It was accepted or revoked already. Invite the address again if it should be a member."
        raise Problem("invitation-closed", "The invitation is closed", detail, 409) from None
    except NotAllowed as error:
        raise exceptions.PermissionDenied(str(error)) from error
    except TooOften as error:
        raise too_many_requests(str(error), error.retry_after_seconds) from error
    return changed


def _shown(invitation: Invitation) -> dict[str, Any]:
    return dict(InvitationSerializer(invitation).data)
