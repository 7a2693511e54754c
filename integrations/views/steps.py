"""Where a customer stands on the way from external ID to connected.

It follows from what is known of the connection: the same on any device and any day, with nothing to be kept for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.models import Connection
from integrations.models.connection import GOING

COMPONENTS, ACCOUNT, TEMPLATE, VERIFY = "components", "account", "template", "verify"
IN_ALL = 5  # with the external ID, which is there from the beginning


@dataclass(frozen=True)
class Step:
    """The first step that is still to be done."""

    key: str
    number: int
    words: str


def step_of(connection: Connection, statuses: Iterable[str], *, verified: bool) -> Step:
    """Where the connection stands, whose roles have these statuses; `verified` says that one was ever asked for."""
    if all(status in GOING for status in statuses):
        return Step(COMPONENTS, 2, _("choose components"))
    if not connection.account_id:
        return Step(ACCOUNT, 3, _("name your AWS account"))
    if not verified:
        return Step(TEMPLATE, 4, _("create the roles in your account, then verify"))
    return Step(VERIFY, 5, _("verify"))


def is_in_use(connection: Connection) -> bool:
    """Whether one of its roles ever worked: its page is then about what is, and no longer about how to get there."""
    return any(role.worked_at for role in connection.roles.all())
