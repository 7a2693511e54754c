"""What a verification does to each customer role: plain calls of the engine, run in threads, with no database."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from integrations.aws.report import (
    Finding,
    ReachabilityReport,
    RemovalReport,
    RoleReport,
    TrustReport,
    VerificationTarget,
)
from integrations.aws.verify import check_reachability, check_trust, prove_removed, verify_role
from integrations.models import Status
from integrations.models.connection import OUT_OF_USE
from integrations.vendor import vendor_settings

DEADLINE_SECONDS = 60

Report = RoleReport | ReachabilityReport | TrustReport | RemovalReport
OnFinding = Callable[[Finding], None]


class Task(Enum):
    """What is to be done to a role."""

    VERIFY = "verify"
    CHECK_REACHABILITY = "check_reachability"
    TRUST_TEST = "trust_test"  # in quarantine
    TRUST_TEST_THEN_VERIFY = "trust_test_then_verify"  # in quarantine, and a clean round lifts it
    PROVE_REMOVED = "prove_removed"


@dataclass(frozen=True)
class RoleJob:
    """One role and what is to be done to it."""

    task: Task
    target: VerificationTarget

    @property
    def component(self) -> str:
        """The component whose role it is."""
        return self.target.component.id

    def is_wanted(self, status: str | None) -> bool:
        """Whether the role, with this status now, is still to be looked at; None where it is no more."""
        if self.task is Task.PROVE_REMOVED:
            return status == Status.REMOVING
        return status is not None and status not in OUT_OF_USE

    def run(self, on_finding: OnFinding) -> Report:
        """Do it; `on_finding` gets each finding as it lands."""
        match self.task:
            case Task.VERIFY:
                return verify_role(
                    vendor_settings(), self.target, on_finding=on_finding, deadline_seconds=DEADLINE_SECONDS
                )
            case Task.CHECK_REACHABILITY:
                return check_reachability(
                    vendor_settings(), self.target, on_finding=on_finding, deadline_seconds=DEADLINE_SECONDS
                )
            case Task.TRUST_TEST:
                return check_trust(
                    vendor_settings(), self.target, on_finding=on_finding, deadline_seconds=DEADLINE_SECONDS
                )
            case Task.TRUST_TEST_THEN_VERIFY:
                return self._trust_test_then_verify(on_finding)
            case Task.PROVE_REMOVED:
                return prove_removed(
                    vendor_settings(), self.target, on_finding=on_finding, deadline_seconds=DEADLINE_SECONDS
                )

    def _trust_test_then_verify(self, on_finding: OnFinding) -> Report:
        """No session is opened in the role before the trust-test is clean. Where it is, the verification runs it again,
        and its findings stand for both.
        """
        tested = check_trust(
            vendor_settings(), self.target, on_finding=lambda _: None, deadline_seconds=DEADLINE_SECONDS
        )
        if not tested.safe:
            for finding in tested.findings:
                on_finding(finding)
            return tested
        report = verify_role(vendor_settings(), self.target, on_finding=on_finding, deadline_seconds=DEADLINE_SECONDS)
        return replace(report, receipts=tested.receipts + report.receipts)
