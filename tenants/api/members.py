"""Members, for programs."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actions.members import LastOwner, NotAllowed, change_role, remove_member, transfer_ownership
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.schema import INVALID_BODY, NOT_FOUND, operation
from tenants.api.serializers import InputSerializer
from tenants.models import Member
from tenants.permissions import Permission, Role

_LAST_OWNER = {409: "An organisation needs an owner: make another member owner first."}


class MemberSerializer(serializers.ModelSerializer[Member]):
    """Somebody in your organisation."""

    id = serializers.UUIDField(source="user_id", read_only=True, help_text="Of the person, in every organisation.")
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Member
        fields = ["id", "email", "role", "created_at"]
        read_only_fields = fields


class MemberInput(InputSerializer):
    """What to change of a member."""

    role = serializers.ChoiceField(choices=Role.choices, help_text="Owners are made and unmade by owners alone.")


class MemberFilters(Filters):
    """What members can be filtered by."""

    orderings = ("created_at",)

    role = serializers.ChoiceField(choices=Role.choices, required=False)
    email = serializers.CharField(source="user__email", max_length=254, required=False, help_text="The whole address.")


class MemberPagination(Pagination):
    """The first member first, as on the page."""

    ordering = ("created_at", "id")


class Members(TenantAPIView):
    """The members of the organisation."""

    permissions = {"GET": Permission.VIEW}
    pagination_class = MemberPagination

    @operation("list_members", "List the members", answers={200: MemberSerializer(many=True)}, filters=MemberFilters)
    def get(self, _request: Request) -> Response:
        """Who belongs to your organisation, and as what."""
        rows = Member.objects.filter(tenant_id=self.tenant.pk).select_related("user")
        return self.page(rows, MemberSerializer, MemberFilters)


class MemberDetail(TenantAPIView):
    """One member."""

    permissions = {"GET": Permission.VIEW, "PATCH": Permission.ADMINISTER, "DELETE": Permission.ADMINISTER}

    @operation("get_member", "Show a member", answers={200: MemberSerializer}, problems=NOT_FOUND, etag=True)
    def get(self, _request: Request, user_id: UUID) -> Response:
        """A member and their role."""
        return self.one(_shown(member_or_404(self, user_id)))

    @operation(
        "update_member",
        "Change a member's role",
        request=MemberInput,
        answers={200: MemberSerializer},
        problems=INVALID_BODY | NOT_FOUND | _LAST_OWNER,
        etag=True,
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        """Give a member another role. The tokens that they made may do as much as they may, from now on."""
        wanted = MemberInput(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        member = self._locked(user_id)
        role = Role(wanted.validated_data.get("role", member.role))
        changed = _refusing(change_role, member=member, role=role, acting=self.credential.member, by=self.actor)
        return self.one(_shown(changed))

    @operation(
        "remove_member",
        "Remove a member",
        request=None,
        answers={204: None},
        problems=NOT_FOUND | _LAST_OWNER,
        etag=True,
    )
    def delete(self, _request: Request, user_id: UUID) -> Response:
        """End a membership. The tokens that they made are refused from now on."""
        _refusing(remove_member, member=self._locked(user_id), acting=self.credential.member, by=self.actor)
        return Response(status=204)

    def _locked(self, user_id: UUID) -> Member:
        self.lock_tenant()
        member = member_or_404(self, user_id)
        self.require_match(_shown(member))
        return member


class OwnershipTransfer(TenantAPIView):
    """Handing ownership over."""

    permissions = {"POST": Permission.OWN}

    @operation(
        "transfer_ownership",
        "Hand ownership over",
        request=None,
        answers={200: MemberSerializer},
        problems=NOT_FOUND,
    )
    def post(self, _request: Request, user_id: UUID) -> Response:
        """Make this member owner and the member who made the token, an owner until now, an admin; in one step."""
        to = member_or_404(self, user_id)
        done = _refusing(transfer_ownership, to=to, acting=self.credential.member, by=self.actor)
        return Response(_shown(done))


def member_or_404(view: TenantAPIView, user_id: UUID) -> Member:
    """The member of the organisation; anybody else is unknown."""
    member = Member.objects.select_related("user").filter(tenant_id=view.tenant.pk, user_id=user_id).first()
    if member is None:
        raise Http404
    return member


def _refusing(action: Callable[..., Any], **arguments: Any) -> Any:
    """The action's result, its refusals as problems."""
    try:
        return action(**arguments)
    except LastOwner as error:
        raise Problem("last-owner", "An organisation needs an owner", str(error), 409) from error
    except NotAllowed as error:
        raise exceptions.PermissionDenied(str(error)) from error


def _shown(member: Member) -> dict[str, Any]:
    return dict(MemberSerializer(member).data)
