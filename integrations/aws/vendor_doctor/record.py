"""The notes of one examination: its checks, its meters, and how a call's failure becomes a check."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from integrations.aws.errors import AwsCallFailed, PolicyType, Refused, read_denial
from integrations.aws.vendor_doctor.report import Check, Meter, Proof, State

SET_UP = "Render the set-up again (python manage.py vendor_setup) and deploy it."

T = TypeVar("T")


class OutOfTime(Exception):
    """The examination has used up its time."""


@dataclass
class Record:
    """What is found; `ends_at` is on the monotonic clock."""

    ends_at: float
    checks: list[Check] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)

    def passed(self, name: str, about: str, title: str, proof: Proof = Proof.LIVE) -> None:
        self.checks.append(Check(name, about, State.PASSED, title, proof=proof))

    def failed(
        self, name: str, about: str, title: str, fix: str, *, detail: str = "", proof: Proof = Proof.LIVE
    ) -> None:
        self.checks.append(Check(name, about, State.FAILED, title, fix, detail, proof))

    def unknown(
        self, name: str, about: str, title: str, fix: str, *, detail: str = "", proof: Proof = Proof.LIVE
    ) -> None:
        self.checks.append(Check(name, about, State.UNKNOWN, title, fix, detail, proof))

    def must_work(self, name: str, about: str, title: str, call: Callable[[], T], *, broken: str, fix: str) -> T | None:
        """Make a call that must be allowed; None where it is not. Raises OutOfTime."""
        self.in_time()
        try:
            answer = call()
        except Refused as failure:
            self.failed(name, about, broken, _whose_policy(failure) + fix, detail=str(failure))
        except AwsCallFailed as failure:
            if failure.cause in {"throttled", "aws_unreachable"}:
                self.unknown(name, about, f"{broken}: AWS gave no answer", "Ask again.", detail=str(failure))
            else:
                self.failed(name, about, broken, fix, detail=str(failure))
        else:
            self.passed(name, about, title)
            return answer
        return None

    def must_be_refused(
        self,
        name: str,
        about: str,
        title: str,
        call: Callable[[], object],
        *,
        broken: str,
        fix: str,
        by_callers_policy: bool = False,
    ) -> None:
        """Make a call that must be refused. Raises OutOfTime.

        With `by_callers_policy` it is the caller's own policy that must refuse; otherwise a refusal by that policy
        would hide whether the other side refuses as well, and counts as not told.
        """
        self.in_time()
        try:
            call()
        except Refused as failure:
            refused_by = read_denial(failure.text).policy_type
            if not by_callers_policy and refused_by in {PolicyType.IDENTITY, PolicyType.SESSION}:
                self.unknown(
                    name,
                    about,
                    f"{title}: not told, since our own policy refused before the other side was asked",
                    SET_UP,
                    detail=str(failure),
                )
            else:
                self.passed(name, about, title)
        except AwsCallFailed as failure:
            self.unknown(name, about, f"{title}: not told", "Ask again.", detail=str(failure))
        else:
            self.failed(name, about, broken, fix)

    def in_time(self) -> None:
        """Raise OutOfTime if the examination has used up its time."""
        if time.monotonic() > self.ends_at:
            raise OutOfTime


def _whose_policy(failure: AwsCallFailed) -> str:
    """Where AWS says which policy refused, that is the first thing to look at."""
    named = read_denial(failure.text).policy_type
    if named is None or named is PolicyType.SESSION:
        return ""
    words = {
        PolicyType.SERVICE_CONTROL: "A service control policy of your organisation forbids it: allow it there. ",
        PolicyType.RESOURCE_CONTROL: "A resource control policy of your organisation forbids it: allow it there. ",
        PolicyType.BOUNDARY: "A permissions boundary on the calling role forbids it: remove or widen it. ",
        PolicyType.IDENTITY: "The calling role's own policy does not allow it. ",
        PolicyType.VPC_ENDPOINT: "The policy of your VPC endpoint for STS forbids it: allow it there. ",
    }
    return words.get(named, "The trust policy of the role that is entered does not allow it. ")
