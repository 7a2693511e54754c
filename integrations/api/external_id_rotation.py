"""Rotations of a connection's external ID, for programs."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions.connections import ConnectionInUse
from integrations.actions.external_id_rotations import (
    NothingToCancel,
    can_be_cancelled,
    cancel_rotation,
    progress_of,
    start_rotation,
)
from integrations.api.connections import connection_or_404
from integrations.models import Connection, ExternalIdRotation
from tenants.api.base import TenantAPIView
from tenants.api.problems import Problem
from tenants.api.schema import FORBIDDEN, NOT_FOUND, operation
from tenants.permissions import Permission

STATES = [("none", "No rotation was ever begun"), *ExternalIdRotation.State.choices]


class RotatingRoleSerializer(serializers.Serializer[Any]):
    """How far one role is."""

    component = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True, help_text="Its name in your account.")
    moved_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="When it was seen to accept the new external ID, with which it is entered since; null before.",
    )
    previous_refused_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When it was proved to refuse the previous one; null before."
    )


class ExternalIdRotationSerializer(serializers.Serializer[Any]):
    """The rotation that is open, or the last one."""

    state = serializers.ChoiceField(
        choices=STATES,
        read_only=True,
        help_text="`moving`: role templates accept both, and each role is entered with the one it is known to accept. "
        "`closing`: templates hold the new one alone, and each role is to refuse the previous one.",
    )
    previous_external_id = serializers.CharField(read_only=True, allow_null=True)
    new_external_id = serializers.CharField(read_only=True, allow_null=True)
    started_at = serializers.DateTimeField(read_only=True, allow_null=True)
    started_by = serializers.CharField(read_only=True, allow_null=True)
    all_moved_at = serializers.DateTimeField(read_only=True, allow_null=True)
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)
    cancelled_at = serializers.DateTimeField(read_only=True, allow_null=True)
    can_be_cancelled = serializers.BooleanField(read_only=True, help_text="Whether no role has moved yet.")
    roles = RotatingRoleSerializer(many=True, read_only=True)


class ExternalIdRotationDetail(TenantAPIView):
    """The rotation of a connection's external ID."""

    permissions = {"GET": Permission.VIEW, "POST": Permission.MANAGE, "DELETE": Permission.MANAGE}

    @operation(
        "get_external_id_rotation",
        "Show the rotation of the external ID",
        answers={200: ExternalIdRotationSerializer},
        problems=NOT_FOUND,
    )
    def get(self, _request: Request, connection_id: UUID) -> Response:
        """The rotation that is open, or the last one; `state` is `none` where there never was one."""
        return Response(_shown(connection_or_404(self.tenant, connection_id)))

    @operation(
        "start_external_id_rotation",
        "Begin a rotation of the external ID",
        request=None,
        answers={200: ExternalIdRotationSerializer, 201: ExternalIdRotationSerializer},
        problems=FORBIDDEN | NOT_FOUND | {409: "The connection is being removed."},
    )
    def post(self, _request: Request, connection_id: UUID) -> Response:
        """Issue a new external ID. While a rotation is open, that one is the answer (200).

        Deploy the role template, which accepts both, and verify; once all roles have moved, deploy it again, which
        closes them to the previous ID, and verify once more.
        """
        connection = connection_or_404(self.tenant, connection_id)
        try:
            _, begun = start_rotation(connection=connection, by=self.actor)
        except ConnectionInUse as error:
            raise Problem("connection-in-use", "The connection cannot change this way", str(error), 409) from error
        return Response(_shown(connection), status=201 if begun else 200)

    @operation(
        "cancel_external_id_rotation",
        "Call the rotation of the external ID off",
        request=None,
        answers={200: ExternalIdRotationSerializer},
        problems=FORBIDDEN | NOT_FOUND | {409: "No rotation is open, or a role has moved already."},
    )
    def delete(self, _request: Request, connection_id: UUID) -> Response:
        """Keep the external ID as it was. Possible while no role has moved to the new one."""
        connection = connection_or_404(self.tenant, connection_id)
        try:
            cancel_rotation(connection=connection, by=self.actor)
        except NothingToCancel as error:
            raise Problem("nothing-to-cancel", "The rotation cannot be cancelled", str(error), 409) from error
        return Response(_shown(connection))


def _shown(connection: Connection) -> dict[str, Any]:
    rotation, progress = progress_of(connection=connection)
    names = ("previous_external_id", "new_external_id", "started_at", "started_by", "all_moved_at", "finished_at")
    shown: dict[str, Any] = {name: getattr(rotation, name, None) for name in (*names, "cancelled_at")}
    shown |= {
        "state": "none" if rotation is None else rotation.state,
        "can_be_cancelled": rotation is not None and can_be_cancelled(rotation),
        "roles": [
            {
                "component": one.role.component,
                "name": one.role.name,
                "moved_at": one.moved_at,
                "previous_refused_at": one.previous_refused_at,
            }
            for one in progress
        ],
    }
    return dict(ExternalIdRotationSerializer(shown).data)
