"""What the vendor doctor found: plain, frozen values that hold no credential."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be told; never shown as fine


class Proof(StrEnum):
    """What a check rests on."""

    LIVE = "live"  # AWS was asked to do it
    READ = "read"  # the role was read and compared with what `vendor_setup` renders


@dataclass(frozen=True)
class Check:
    """One thing that must be so. `about` is the role or the component, `fix` what to do where it is not so."""

    name: str
    about: str
    state: State
    title: str
    fix: str = ""
    detail: str = ""
    proof: Proof = Proof.LIVE


@dataclass(frozen=True)
class Meter:
    """How much of one of AWS's limits is used. `unit` is `characters`, `percent` or `seconds`."""

    name: str
    about: str
    used: int
    limit: int
    unit: str


@dataclass(frozen=True)
class Examination:
    """All of it. `integration_role_id` is empty where the integration role was not reached, and in `direct`."""

    started_at: datetime
    seconds: float
    account_id: str
    region: str
    chain: str
    identity_arn: str
    integration_role_id: str
    checks: tuple[Check, ...]
    meters: tuple[Meter, ...]

    @property
    def state(self) -> State:
        """The worst of its checks; unknown where there is none."""
        states = {check.state for check in self.checks}
        if State.FAILED in states:
            return State.FAILED
        return State.PASSED if states == {State.PASSED} else State.UNKNOWN

    @property
    def exit_status(self) -> int:
        """For a monitor: 0 all is well, 1 something is broken, 2 it could not be told."""
        return {State.PASSED: 0, State.FAILED: 1, State.UNKNOWN: 2}[self.state]
