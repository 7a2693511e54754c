"""This process's sessions in the integration role, one for each connection and component, for checks of reachability.

They live in this process's memory for a quarter of an hour at the most. A run that uses one has read in the database,
as it began, that the role is in use, with which external ID and in which account.
"""

from functools import cache

from integrations.aws.chain import vendor_side
from integrations.aws.sessions import REPLACE_LAUNCH_BEFORE_EXPIRY, SessionCache, open_launch
from integrations.vendor import vendor_settings


@cache
def launch_sessions() -> SessionCache:
    """The one cache of this process."""
    return SessionCache(
        vendor_side(vendor_settings()),
        open_session=open_launch,
        replace_before_expiry=REPLACE_LAUNCH_BEFORE_EXPIRY,
    )


def drop_launch_sessions(connection_ref: str | None = None) -> None:
    """Forget those of a connection, or all, in this process."""
    if connection_ref is None:
        launch_sessions().clear()
    else:
        launch_sessions().drop(connection_ref)
