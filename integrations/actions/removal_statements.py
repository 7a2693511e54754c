"""The dated statement that access is gone: what a customer keeps of a connection that was removed."""

from dataclasses import dataclass

from integrations.actions.external_ids import issued_external_ids
from integrations.models import Connection, CustomerRole


class NotRemoved(RuntimeError):
    """There is nothing to state yet; the message says what is waited for."""


@dataclass(frozen=True)
class RemovalStatement:
    """What is stated of a removed connection.

    `was_open` says that roles were named, and that AWS refused us in each of them at its `removed_at`.
    """

    connection: Connection
    external_ids: tuple[str, ...]
    roles: tuple[CustomerRole, ...]
    was_open: bool


def removal_statement(*, connection: Connection) -> RemovalStatement:
    """The statement of a connection; its tenant's scope is open.

    Raises:
        NotRemoved: access is not proved to be gone.
    """
    if connection.removed_at is None:
        raise NotRemoved(
            "Access is not proved to be gone yet. Remove the connection, delete the roles, and look at `removed_at`."
        )
    roles = tuple(connection.roles.all())
    return RemovalStatement(
        connection=connection,
        external_ids=issued_external_ids(connection),
        roles=roles,
        was_open=bool(connection.account_id and roles),
    )
