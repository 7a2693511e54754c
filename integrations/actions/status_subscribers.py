"""Who hears of a change of status: the one place that notifiers subscribe to, such as mails and webhooks.

A subscriber is called inside the transaction that changes the statuses, with the tenant's scope open: it writes rows of
its own and sends them later, so that an event is neither lost nor told of what did not happen. It calls nobody outside.
Which changes are told, and that one that comes and goes is not, is decided in `role_statuses`.
"""

from collections.abc import Callable

from integrations.actions import notifications, status_webhooks
from integrations.actions.status_events import StatusEvent

SUBSCRIBERS: tuple[Callable[[StatusEvent], None], ...] = (notifications.queue_mails, status_webhooks.queue_webhooks)


def publish(event: StatusEvent) -> None:
    """Give the event to every subscriber."""
    for subscriber in SUBSCRIBERS:
        subscriber(event)
