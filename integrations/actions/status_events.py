"""What people are told of a change of status: plain values, made by `role_statuses`, told by `status_subscribers`."""

from dataclasses import dataclass

from integrations.models import Connection, Status, Verification


@dataclass(frozen=True)
class Told:
    """A customer role has another status than the one people were last told of."""

    component: str
    before: str  # empty where they were told of none
    after: Status


@dataclass(frozen=True)
class StatusEvent:
    """What one verification found of one connection that people do not know yet, and that is sure."""

    connection: Connection
    verification: Verification
    told: tuple[Told, ...]
