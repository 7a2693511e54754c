"""What a verification does to each customer role: plain calls of the engine, run in threads, with no database."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from integrations.aws.report import (
    Finding,
    ReachabilityReport,
    RemovalReport,
    RoleReport,
    SessionReceipt,
    TrustReport,
    VerificationTarget,
)
from integrations.aws.sessions import SessionCache
from integrations.aws.sts_turns import sts_turns
from integrations.aws.verify import check_reachability, check_trust, prove_removed, verify_role
from integrations.launch_sessions import launch_sessions
from integrations.models import Status
from integrations.models.connection import OUT_OF_USE
from integrations.sts_limit import ask_for_turn
from integrations.vendor import vendor_settings

DEADLINE_SECONDS = 60.0  # of all that is done to one role in one verification

Report = RoleReport | ReachabilityReport | TrustReport | RemovalReport
SomeReport = TypeVar("SomeReport", RoleReport, ReachabilityReport, TrustReport, RemovalReport)
OnFinding = Callable[[Finding], None]
OnReceipt = Callable[[SessionReceipt], None]


class Task(Enum):
    """What is to be done to a role."""

    VERIFY = "verify"
    CHECK_REACHABILITY = "check_reachability"
    TRUST_TEST = "trust_test"  # in quarantine
    TRUST_TEST_THEN_VERIFY = "trust_test_then_verify"  # in quarantine, and a clean round lifts it
    PROVE_REMOVED = "prove_removed"


@dataclass(frozen=True)
class RoleJob:
    """One role and what is to be done to it; `scheduled` if nobody waits for it."""

    task: Task
    target: VerificationTarget
    scheduled: bool = False

    @property
    def component(self) -> str:
        """The component whose role it is."""
        return self.target.component.id

    def is_wanted(self, status: str | None) -> bool:
        """Whether the role, with this status now, is still to be looked at; None where it is no more."""
        if self.task is Task.PROVE_REMOVED:
            return status == Status.REMOVING
        return status is not None and status not in OUT_OF_USE

    def run(self, on_finding: OnFinding, on_receipt: OnReceipt) -> Report:
        """Do it; `on_finding` and `on_receipt` get each finding, and the receipt of each session, as it lands."""
        with sts_turns(ask_for_turn(scheduled=self.scheduled)):
            return self._run(on_finding, on_receipt)

    def _run(self, on_finding: OnFinding, on_receipt: OnReceipt) -> Report:
        match self.task:
            case Task.VERIFY:
                return self._do(verify_role, on_finding, on_receipt)
            case Task.CHECK_REACHABILITY:
                return self._do(check_reachability, on_finding, on_receipt, launches=launch_sessions())
            case Task.TRUST_TEST:
                return self._do(check_trust, on_finding, on_receipt)
            case Task.TRUST_TEST_THEN_VERIFY:
                return self._trust_test_then_verify(on_finding, on_receipt)
            case Task.PROVE_REMOVED:
                return self._do(prove_removed, on_finding, on_receipt)

    def _do(
        self,
        work: Callable[..., SomeReport],
        on_finding: OnFinding,
        on_receipt: OnReceipt,
        deadline_seconds: float = DEADLINE_SECONDS,
        **more: SessionCache,
    ) -> SomeReport:
        return work(
            vendor_settings(),
            self.target,
            on_finding=on_finding,
            on_receipt=on_receipt,
            deadline_seconds=deadline_seconds,
            **more,
        )

    def _trust_test_then_verify(self, on_finding: OnFinding, on_receipt: OnReceipt) -> Report:
        """No session is opened in the role before the trust-test is clean. Where it is, the verification runs it again,
        and its findings stand for both. Both have to end within the one deadline.
        """
        ends_at = time.monotonic() + DEADLINE_SECONDS
        tested: TrustReport = self._do(check_trust, lambda _: None, on_receipt)
        if not tested.safe:
            for finding in tested.findings:
                on_finding(finding)
            return tested
        left = max(ends_at - time.monotonic(), 0.0)
        report: RoleReport = self._do(verify_role, on_finding, on_receipt, left)
        return replace(report, receipts=tested.receipts + report.receipts)
