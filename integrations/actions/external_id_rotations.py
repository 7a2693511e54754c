"""Rotations of a connection's external ID: started, cancelled, followed by each verification.

Nobody chooses an ID and nobody says that a role has moved: a new ID is issued here, and verifications see which roles
accept it and which refuse the previous one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.actions.connections import ConnectionInUse
from integrations.actions.external_ids import latest_rotation
from integrations.actions.sessions import drop_sessions
from integrations.aws.report import ReachabilityReport, RemovalReport, RoleReport, TrustReport, VerificationTarget
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, ExternalIdOrigin, ExternalIdRotation, Verification
from integrations.models.connection import GOING, OUT_OF_USE
from tenants import audit
from tenants.audit import SYSTEM, Actor

FIRST_REMINDER_AFTER = timedelta(days=3)

State = ExternalIdRotation.State


class NothingToCancel(ValueError):
    """The rotation cannot be cancelled; the message says why, and what can be done."""


@dataclass(frozen=True)
class RoleProgress:
    """How far one role is. `moved_at` is None while it is entered with the previous external ID."""

    role: CustomerRole
    moved_at: datetime | None
    previous_refused_at: datetime | None


@transaction.atomic
def start_rotation(*, connection: Connection, by: Actor) -> tuple[ExternalIdRotation, bool]:
    """Issue a new external ID and begin to move the connection's roles to it; whether a rotation was begun.

    While one is open that one is the answer, so that pressing twice begins one. The tenant's scope is open.

    Raises:
        ConnectionInUse: the connection is being removed.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(tenant_id=connection.tenant_id, pk=connection.pk)
    if connection.is_removed:
        raise ConnectionInUse(_("This connection is being removed, so its external ID is not replaced any more."))
    rotation = _open_rotation(connection)
    if rotation is not None:
        return rotation, False
    now = timezone.now()
    connection.roles.update(new_external_id_at=None, previous_external_id_refused_at=None)
    rotation = ExternalIdRotation.objects.create(
        tenant_id=connection.tenant_id,
        connection=connection,
        previous_external_id=connection.external_id,
        started_at=now,
        started_by=by.name,
        next_reminder_at=now + FIRST_REMINDER_AFTER,
    )
    _record("external_id_rotation:started", rotation, by, new_external_id=rotation.new_external_id)
    return rotation, True


@transaction.atomic
def cancel_rotation(*, connection: Connection, by: Actor) -> ExternalIdRotation:
    """Call the open rotation off: the connection keeps its external ID. The tenant's scope is open.

    Safe only while no role has moved: one that has may refuse the previous ID already, and would be shut to us.

    Raises:
        NothingToCancel: no rotation is open, or a role has moved.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(tenant_id=connection.tenant_id, pk=connection.pk)
    rotation = _open_rotation(connection)
    if rotation is None:
        raise NothingToCancel(_("No rotation of this connection's external ID is under way."))
    if not can_be_cancelled(rotation):
        raise NothingToCancel(
            _(
                "A role has moved to the new external ID already, so the rotation cannot be cancelled: it may refuse "
                "the previous ID by now. Go on with it; a further rotation can follow."
            )
        )
    rotation.cancelled_at, rotation.next_reminder_at = timezone.now(), None
    rotation.save(update_fields=["cancelled_at", "next_reminder_at"])
    _record("external_id_rotation:cancelled", rotation, by)
    return rotation


def can_be_cancelled(rotation: ExternalIdRotation) -> bool:
    """Whether no role has moved yet."""
    moved = CustomerRole.objects.filter(connection_id=rotation.connection_id, new_external_id_at__isnull=False)
    return rotation.state == State.MOVING and not moved.exists()


def end_with_connection(*, connection: Connection, by: Actor) -> None:
    """End the open rotation of a connection that is being removed; no role moves any more. The connection is locked."""
    rotation = _open_rotation(connection)
    if rotation is not None:
        rotation.cancelled_at, rotation.next_reminder_at = timezone.now(), None
        rotation.save(update_fields=["cancelled_at", "next_reminder_at"])
        _record("external_id_rotation:cancelled", rotation, by, because="removal")


def progress_of(*, connection: Connection) -> tuple[ExternalIdRotation | None, list[RoleProgress]]:
    """The open rotation or the last one, and how far each role of it is; the tenant's scope is open."""
    rotation = latest_rotation(connection)
    if rotation is None:
        return None, []
    return rotation, [
        RoleProgress(role, rotation.moved_at(role), role.previous_external_id_refused_at)
        for role in _roles_that_move(connection)
    ]


def follow_rotation(
    *,
    verification: Verification,
    targets: Mapping[str, VerificationTarget],
    reports: Sequence[RoleReport | TrustReport | ReachabilityReport | RemovalReport],
) -> frozenset[str]:
    """Take from what a verification found how far its connection's rotation is; the connection is locked.

    Gives the components of roles that are entered with another external ID from now on: what was found of these with
    the former one says nothing of them where it was refused, so they are to be verified again.

    A report counts only for the external IDs that its target had, which may be those of an earlier rotation.
    """
    connection = verification.connection
    rotation = _open_rotation(connection)
    if rotation is None:
        return frozenset()
    found = {report.component: report for report in reports if isinstance(report, RoleReport | TrustReport)}
    roles = {role.component: role for role in connection.roles.select_for_update().exclude(status__in=OUT_OF_USE)}
    switched = {
        component
        for component, report in found.items()
        if component in roles and _follow_role(rotation, roles[component], targets[component], report)
    }
    _follow_connection(rotation, connection)
    if switched:
        drop_sessions(connection.reference)
    return frozenset(switched)


def was_refused(report: RoleReport | TrustReport | ReachabilityReport | RemovalReport) -> bool:
    """Whether the role refused the external ID that it was entered with."""
    return isinstance(report, RoleReport | TrustReport) and report.refused


def _follow_role(
    rotation: ExternalIdRotation, role: CustomerRole, target: VerificationTarget, report: RoleReport | TrustReport
) -> bool:
    """Note what was found of one role; whether it is entered with another external ID from now on."""
    now = timezone.now()
    if (target.external_id, target.next_external_id) == (rotation.previous_external_id, rotation.new_external_id):
        if not report.accepts_next_external_id or rotation.moved_at(role):
            return False
        role.new_external_id_at = now
        role.save(update_fields=["new_external_id_at"])
        _record("external_id_rotation:role_moved", rotation, SYSTEM, component=role.component)
        return True
    if (target.external_id, target.previous_external_ids) != (
        rotation.new_external_id,
        (rotation.previous_external_id,),
    ):
        return False
    if rotation.state == State.MOVING and report.refused and report.refuses_previous_external_ids is False:
        # An older template was deployed again: the previous ID is what it accepts.
        role.new_external_id_at = role.previous_external_id_refused_at = None
        role.save(update_fields=["new_external_id_at", "previous_external_id_refused_at"])
        _record("external_id_rotation:role_moved_back", rotation, SYSTEM, component=role.component)
        return True
    if report.refuses_previous_external_ids is not None:
        refused = report.refuses_previous_external_ids
        role.previous_external_id_refused_at = (role.previous_external_id_refused_at or now) if refused else None
        role.save(update_fields=["previous_external_id_refused_at"])
    return False


def _follow_connection(rotation: ExternalIdRotation, connection: Connection) -> None:
    """Bring the rotation on where every role is far enough."""
    roles = _roles_that_move(connection)
    if not roles:
        return
    now = timezone.now()
    if rotation.state == State.MOVING and all(role.new_external_id_at for role in roles):
        rotation.all_moved_at = rotation.next_reminder_at = now
        rotation.save(update_fields=["all_moved_at", "next_reminder_at"])
        connection.external_id = rotation.new_external_id
        connection.external_id_origin = ExternalIdOrigin.GENERATED
        connection.save(update_fields=["external_id", "external_id_origin"])
        _record("external_id_rotation:all_moved", rotation, SYSTEM)
    if rotation.state == State.CLOSING and all(role.previous_external_id_refused_at for role in roles):
        rotation.finished_at, rotation.next_reminder_at = now, None
        rotation.save(update_fields=["finished_at", "next_reminder_at"])
        _record("external_id_rotation:finished", rotation, SYSTEM)


def _roles_that_move(connection: Connection) -> list[CustomerRole]:
    """The connection's roles that a role template makes; a paused one too, which moves once it is resumed."""
    roles = connection.roles.exclude(status__in=GOING)
    return [role for role in roles if catalogue().offers(role.component)]


def _open_rotation(connection: Connection) -> ExternalIdRotation | None:
    """The connection's open rotation, locked; the connection is locked before it."""
    return connection.external_id_rotations.select_for_update().filter(finished_at=None, cancelled_at=None).first()


def _record(action: str, rotation: ExternalIdRotation, by: Actor, **data: object) -> None:
    audit.record(
        action,
        by=by,
        tenant_id=rotation.tenant_id,
        target=rotation,
        connection=str(rotation.connection_id),
        **data,
    )
