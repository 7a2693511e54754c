"""Which external IDs of a connection belong where: in its role templates, and in the sessions in each of its roles."""

from dataclasses import dataclass
from datetime import datetime

from integrations.models import Connection, CustomerRole, ExternalIdRotation, Status


@dataclass(frozen=True)
class RoleExternalIds:
    """The external IDs of one role: the one it is entered with, and those that are only tried.

    `retired` says that those in `previous` must be refused by now.
    """

    current: str
    following: str = ""
    previous: tuple[str, ...] = ()
    retired: bool = False


def latest_rotation(connection: Connection) -> ExternalIdRotation | None:
    """The connection's open rotation, or else its last one; its tenant's scope is open. Where the rotations were
    prefetched, the database is not asked.
    """
    return next(iter(connection.external_id_rotations.all()), None)


def external_id_at(connection: Connection, when: datetime) -> str:
    """Which external ID was the connection's at that time, as far as rotations since then tell."""
    oldest_first = reversed(list(connection.external_id_rotations.all()))
    ended_since = (one for one in oldest_first if one.all_moved_at is not None and one.all_moved_at > when)
    rotation = next(ended_since, None)
    return rotation.previous_external_id if rotation is not None else connection.external_id


def template_external_ids(connection: Connection) -> tuple[str, ...]:
    """What the trust policies in the connection's templates accept: one, and two while its roles move to a new one."""
    rotation = latest_rotation(connection)
    if rotation is not None and rotation.state == ExternalIdRotation.State.MOVING:
        return rotation.previous_external_id, rotation.new_external_id
    return (connection.external_id,)


def external_ids_of_role(connection: Connection, role: CustomerRole) -> RoleExternalIds:
    """The external IDs of a role. While a rotation is open a role is entered with the one it is known to accept."""
    if role.status == Status.REMOVING:
        return RoleExternalIds(connection.external_id, previous=_all_others(connection))
    rotation = latest_rotation(connection)
    if rotation is None:
        return RoleExternalIds(connection.external_id)
    if not rotation.is_open:
        return RoleExternalIds(connection.external_id, previous=(rotation.retired_external_id,), retired=True)
    previous, new = rotation.previous_external_id, rotation.new_external_id
    if rotation.moved_at(role) is None:
        return RoleExternalIds(previous, following=new)
    return RoleExternalIds(new, previous=(previous,))


def issued_external_ids(connection: Connection) -> tuple[str, ...]:
    """Every external ID that was ever issued for the connection, the present one first."""
    return connection.external_id, *_all_others(connection)


def _all_others(connection: Connection) -> tuple[str, ...]:
    """Every other external ID that a role of the connection may still hold, though it was left out since."""
    pairs = connection.external_id_rotations.values_list("previous_external_id", "new_external_id")
    return tuple(sorted({issued for pair in pairs for issued in pair} - {connection.external_id}))
