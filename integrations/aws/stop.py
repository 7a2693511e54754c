"""The emergency stop inside a process: while it is on, no session is opened here, whoever asks.

It is a switch in memory that `assume_role.open_session` looks at before each call. Whoever runs the process sets it
from what the installation says (`integrations.actions.emergency_stop`).
"""

import threading

from integrations.aws.errors import AwsCallFailed
from integrations.aws.report import Actor

_stopped = threading.Event()


class SessionsStopped(AwsCallFailed):
    """The vendor's emergency stop is on."""

    who = Actor.VENDOR
    cause = "emergency_stop"


def stop_sessions() -> None:
    """Open no session in this process from now on."""
    _stopped.set()


def allow_sessions() -> None:
    """Open sessions in this process again."""
    _stopped.clear()


def refuse_if_stopped() -> None:
    """Raise SessionsStopped while the stop is on."""
    if _stopped.is_set():
        raise SessionsStopped("EmergencyStop", "The emergency stop is on: no session is opened.")
