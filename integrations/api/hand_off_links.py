"""Hand-off links, for programs."""

from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.hand_off_links import (
    InvalidExpiry,
    TooManyHandOffLinks,
    create_hand_off_link,
    revoke_hand_off_link,
)
from integrations.api.connections import connection_or_404, field_error, valid
from integrations.api.role_template_serializers import (
    HandOffLinkInput,
    HandOffLinkSerializer,
    NewHandOffLinkSerializer,
)
from integrations.hand_off_address import hand_off_url
from integrations.models import Connection, HandOffLink
from tenants.api.base import Pagination, TenantAPIView
from tenants.api.filters import Filters
from tenants.api.problems import Problem
from tenants.api.schema import FORBIDDEN, INVALID_BODY, NOT_FOUND, operation
from tenants.permissions import Permission


class HandOffLinks(TenantAPIView):
    """The hand-off links of a connection."""

    permissions = {"GET": Permission.MANAGE, "POST": Permission.MANAGE}
    pagination_class = Pagination

    @operation(
        "list_hand_off_links",
        "List the hand-off links",
        answers={200: HandOffLinkSerializer(many=True)},
        filters=Filters,
        problems=FORBIDDEN | NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """Those of the connection, whether they still let somebody in or not; newest first."""
        return self.page(connection_or_404(self.tenant, connection_id).hand_off_links.all(), HandOffLinkSerializer)

    @operation(
        "create_hand_off_link",
        "Make a hand-off link",
        request=HandOffLinkInput,
        answers={201: NewHandOffLinkSerializer},
        problems=INVALID_BODY
        | FORBIDDEN
        | NOT_FOUND
        | {409: "Your organisation has as many hand-off links as it may have."},
    )
    def post(self, request: Request, connection_id: UUID) -> Response:
        """Make a link with which somebody with no account reads the guide and takes the role template."""
        wanted = valid(HandOffLinkInput(data=request.data))
        connection = connection_or_404(self.tenant, connection_id)
        try:
            link, text = create_hand_off_link(connection=connection, by=self.actor, **wanted)
        except InvalidExpiry as error:
            raise field_error("days", str(error), "invalid_expiry") from error
        except TooManyHandOffLinks as error:
            raise Problem("too-many-hand-off-links", "There is no room for another", str(error), 409) from error
        shown = HandOffLinkSerializer(link).data | {"url": hand_off_url(text)}
        return Response(shown, status=201)


class HandOffLinkDetail(TenantAPIView):
    """One hand-off link."""

    permissions = {"GET": Permission.MANAGE, "DELETE": Permission.MANAGE}

    @operation(
        "get_hand_off_link",
        "Show a hand-off link",
        answers={200: HandOffLinkSerializer},
        problems=FORBIDDEN | NOT_FOUND,
        etag=True,
    )
    def get(self, _request: Request, connection_id: UUID, link_id: UUID) -> Response:
        """A hand-off link, and whether it was used; never its address."""
        connection = connection_or_404(self.tenant, connection_id)
        return self.one(_shown(_link_or_404(connection, link_id)))

    @operation(
        "revoke_hand_off_link",
        "Revoke a hand-off link",
        request=None,
        answers={200: HandOffLinkSerializer},
        problems=FORBIDDEN | NOT_FOUND,
        etag=True,
    )
    def delete(self, _request: Request, connection_id: UUID, link_id: UUID) -> Response:
        """End the link at once."""
        connection = connection_or_404(self.tenant, connection_id, for_change=True)
        self.require_match(_shown(_link_or_404(connection, link_id)))
        link = revoke_hand_off_link(connection=connection, link_id=link_id, by=self.actor)
        return Response(_shown(link))


def _link_or_404(connection: Connection, link_id: UUID) -> HandOffLink:
    link = connection.hand_off_links.filter(pk=link_id).first()
    if link is None:
        raise Http404
    return link


def _shown(link: HandOffLink) -> dict[str, Any]:
    return dict(HandOffLinkSerializer(link).data)
