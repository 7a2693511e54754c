"""Verify one customer role: open the chain, prove each permission, and prove that the trust refuses others.

The run is one loop in the calling thread over calls made in threads of its own: what can go side by side does, each
result becomes a finding the moment it lands, and `on_finding` is called from the calling thread only. When the
deadline passes the loop ends, whatever is still under way; a call left behind ends by its own timeouts, and its answer
is thrown away.

    base → A ─ A → B ─ B → C ┬ whose account is it
                             └ one probe per permission and region
    base → trust-test → B ┬ the right external ID (control)
                          ├ none
                          └ a random wrong one
"""

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from integrations.aws import findings
from integrations.aws.chain import (
    Session,
    VendorSide,
    enter_customer_role,
    enter_integration_role,
    enter_trust_test,
    prove_vendor_chain,
    try_customer_role,
    vendor_side,
)
from integrations.aws.errors import AwsCallFailed, Refused, SessionExpired
from integrations.aws.findings import TrustFacts, Verdict
from integrations.aws.probes import caller_account, run_probe
from integrations.aws.report import (
    Actor,
    Finding,
    Outcome,
    RoleReport,
    RoleStatus,
    SessionReceipt,
    VerificationTarget,
    role_status,
)
from integrations.aws.vendor import VendorSettings
from integrations.catalogue import Permission

__all__ = [
    "Actor",
    "Finding",
    "Outcome",
    "RoleReport",
    "RoleStatus",
    "SessionReceipt",
    "VendorSettings",
    "VerificationTarget",
    "check_vendor_identity",
    "role_status",
    "verify_role",
]

# Calls of one run that are under way at once.
MAX_PARALLEL_CALLS = 16


def verify_role(
    settings: VendorSettings,
    target: VerificationTarget,
    *,
    on_finding: Callable[[Finding], None],
    deadline_seconds: float = 60,
) -> RoleReport:
    """Verify the target's customer role and report; AWS's failures are findings, never exceptions.

    `on_finding` is called from the calling thread, once per finding, in the order in which they land. Raises
    VendorAccountAsCustomer (F20) and ValueError for a target that is none, before any call.
    """
    settings.refuse_own_account(target.account_id)
    return _Run(settings, target, on_finding, deadline_seconds).complete()


def check_vendor_identity(settings: VendorSettings) -> Finding:
    """Prove the vendor's own side for real: base → A → B, with a session that can do nothing."""
    started = time.monotonic()
    try:
        session = prove_vendor_chain(vendor_side(settings))
    except AwsCallFailed as failure:
        return findings.finding(
            "vendor.identity",
            "",
            findings.judge_vendor_hop_failure(failure),
            detail=str(failure),
            duration_ms=_elapsed_ms(started),
            request_id=failure.request_id,
        )
    return findings.passed(
        "vendor.identity",
        "",
        "Our own identity reaches our integration role",
        duration_ms=_elapsed_ms(started),
        request_id=session.receipt.request_id,
    )


def _elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


@dataclass
class _Answer:
    """What a call gave: a value, or the failure that stands for it."""

    value: Any
    failure: AwsCallFailed | None
    duration_ms: int

    @property
    def request_id(self) -> str:
        return self.failure.request_id if self.failure else ""


@dataclass
class _Pending:
    """A call under way: what to do with its answer, and what its absence leaves unknown."""

    then: Callable[[_Answer], None]
    check: str
    action: str = ""
    region: str = ""


@dataclass
class _Facts:
    """What the run has found out so far. None: no answer."""

    customer: Session | None = None
    refusal: tuple[Refused, int] | None = None
    vendor_fault: bool = False
    account_matches: bool | None = None
    control_passed: bool | None = None
    control_failure: AwsCallFailed | None = None
    enters_without_id: bool | None = None
    enters_with_wrong_id: bool | None = None
    integration_role_id: str = ""
    deadline_hit: bool = False
    probe_outcomes: list[Outcome] = field(default_factory=list)


# check code → what the page calls it, where it is refused as it should be, and where it is not
_NEGATIVES = {
    "trust.no_external_id": ("without any external ID", "no_external_id_accepted"),
    "trust.wrong_external_id": ("with a wrong external ID", "wrong_external_id_accepted"),
}


class _Run:
    def __init__(
        self,
        settings: VendorSettings,
        target: VerificationTarget,
        on_finding: Callable[[Finding], None],
        deadline_seconds: float,
    ) -> None:
        self._settings = settings
        self._target = target
        self._component = target.component.id
        self._role_arn = str(target.role_arn(settings))
        self._on_finding = on_finding
        self._vendor: VendorSide = vendor_side(settings)
        self._ends_at = time.monotonic() + deadline_seconds
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(MAX_PARALLEL_CALLS, thread_name_prefix="verify")
        self._pending: dict[Future[_Answer], _Pending] = {}
        self._findings: list[Finding] = []
        self._receipts: list[SessionReceipt] = []
        self._facts = _Facts()
        self._rebuilt = False
        # The negative tests' answers wait for the control: only then do they speak of the trust policy.
        self._negatives: dict[str, _Answer] = {}
        self._repeated: set[str] = set()

    def complete(self) -> RoleReport:
        try:
            self._start_chain()
            self._start_trust_test()
            self._follow()
        finally:
            self._over.set()
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._judge_refusal()
        return self._report()

    # The loop

    def _call(
        self, work: Callable[[], Any], then: Callable[[_Answer], None], check: str, action: str = "", region: str = ""
    ) -> None:
        self._pending[self._pool.submit(_answer_of, work)] = _Pending(then, check, action, region)

    def _follow(self) -> None:
        while self._pending:
            remaining = self._ends_at - time.monotonic()
            done, _ = wait(self._pending, timeout=max(remaining, 0), return_when=FIRST_COMPLETED)
            if not done:
                self._end_at_deadline()
                return
            for future in done:
                pending = self._pending.pop(future)
                pending.then(future.result())

    def _end_at_deadline(self) -> None:
        self._facts.deadline_hit = True
        verdict = Verdict(
            Outcome.ERROR,
            "deadline",
            Actor.NOBODY,
            "AWS did not answer in time",
            "There is nothing to do: it is tried again by itself.",
        )
        for pending in self._pending.values():
            if pending.check == "permission":
                self._facts.probe_outcomes.append(Outcome.ERROR)
            self._tell(
                findings.finding(pending.check, self._component, verdict, action=pending.action, region=pending.region)
            )
        self._pending.clear()
        for check, answer in list(self._negatives.items()):
            self._judge_refused_negative(check, answer)

    def _tell(self, finding: Finding) -> None:
        self._findings.append(finding)
        self._on_finding(finding)

    def _passed(self, check: str, title: str, answer: _Answer, **more: Any) -> None:
        self._tell(findings.passed(check, self._component, title, duration_ms=answer.duration_ms, **more))

    def _failed(self, check: str, verdict: Verdict, answer: _Answer, **more: Any) -> None:
        detail = answer.failure.text if answer.failure else ""
        if verdict.who is Actor.VENDOR:
            self._facts.vendor_fault = True
            detail = ""  # our own account's names are no business of the customer's
        self._tell(
            findings.finding(
                check,
                self._component,
                verdict,
                detail=detail,
                duration_ms=answer.duration_ms,
                **({"request_id": answer.request_id} | more),
            )
        )

    # The chain

    def _start_chain(self) -> None:
        if self._settings.chain == "direct":
            self._enter_integration_role()
        else:
            self._call(
                lambda: self._vendor.component_sts(self._component),
                self._component_role_entered,
                "chain.base_to_component",
            )

    def _component_role_entered(self, answer: _Answer) -> None:
        if answer.failure:
            self._failed("chain.base_to_component", findings.judge_vendor_hop_failure(answer.failure), answer)
            return
        self._passed("chain.base_to_component", "We entered our component role", answer)
        self._enter_integration_role()

    def _enter_integration_role(self) -> None:
        self._call(
            lambda: enter_integration_role(self._vendor, self._target),
            self._integration_role_entered,
            self._launch_check,
        )

    @property
    def _launch_check(self) -> str:
        direct = self._settings.chain == "direct"
        return "chain.base_to_component" if direct else "chain.component_to_integration"

    def _integration_role_entered(self, answer: _Answer) -> None:
        if answer.failure:
            self._failed(self._launch_check, findings.judge_vendor_hop_failure(answer.failure), answer)
            return
        launch: Session = answer.value
        self._receipts.append(launch.receipt)
        self._facts.integration_role_id = launch.receipt.role_id
        self._passed(
            self._launch_check, "We entered our integration role", answer, request_id=launch.receipt.request_id
        )
        self._call(
            lambda: enter_customer_role(self._vendor, self._target, launch),
            self._customer_role_entered,
            "chain.integration_to_customer",
        )

    def _customer_role_entered(self, answer: _Answer) -> None:
        check = "chain.integration_to_customer"
        if isinstance(answer.failure, SessionExpired) and not self._rebuilt:
            self._rebuilt = True
            self._enter_integration_role()
            return
        if isinstance(answer.failure, Refused):
            # Judged when the trust-test has ended: its results tell the causes apart.
            self._facts.refusal = (answer.failure, answer.duration_ms)
            return
        if answer.failure:
            self._failed(check, findings.judge_failure(answer.failure), answer)
            return
        customer: Session = answer.value
        self._facts.customer = customer
        self._receipts.append(customer.receipt)
        self._passed(check, "We entered your role", answer, request_id=customer.receipt.request_id)
        self._call(
            lambda: caller_account(self._vendor, customer, self._settings.region),
            self._account_answered,
            "account.matches",
        )
        for region in self._target.regions or (self._settings.region,):
            for permission in self._target.component.permissions:
                self._probe(permission, customer, region)

    def _account_answered(self, answer: _Answer) -> None:
        if answer.failure:
            self._failed("account.matches", findings.judge_failure(answer.failure), answer)
            return
        account, request_id = answer.value
        self._facts.account_matches = account == self._target.account_id
        if self._facts.account_matches:
            self._passed("account.matches", "The role is in the account you named", answer, request_id=request_id)
            return
        verdict = Verdict(
            Outcome.VIOLATED,
            "account_differs",
            Actor.VENDOR,
            "The role is not in the account you named",
            "There is nothing for you to do: our support staff can see it.",
        )
        self._failed("account.matches", verdict, answer, request_id=request_id)

    # Permissions

    def _probe(self, permission: Permission, customer: Session, region: str) -> None:
        probe = permission.probe
        if probe is None:
            self._tell(
                findings.skipped(
                    "permission",
                    self._component,
                    "no_probe",
                    "No harmless call can prove this permission",
                    action=permission.action,
                    region=region,
                )
            )
            return
        self._call(
            lambda: run_probe(self._vendor, customer, probe, region),
            lambda answer: self._probe_answered(permission, region, answer),
            "permission",
            permission.action,
            region,
        )

    def _probe_answered(self, permission: Permission, region: str, answer: _Answer) -> None:
        where = {"action": permission.action, "region": region}
        if answer.failure:
            verdict = findings.judge_probe_failure(answer.failure)
            self._facts.probe_outcomes.append(verdict.outcome)
            self._failed("permission", verdict, answer, **where)
        else:
            self._facts.probe_outcomes.append(Outcome.PASSED)
            self._passed("permission", "Allowed", answer, request_id=answer.value, **where)

    # The trust-test

    def _start_trust_test(self) -> None:
        self._call(lambda: enter_trust_test(self._vendor, self._target), self._trust_test_entered, "trust.control")

    def _trust_test_entered(self, answer: _Answer) -> None:
        if answer.failure:
            self._failed("trust.control", findings.judge_vendor_hop_failure(answer.failure), answer)
            return
        launch: Session = answer.value
        self._receipts.append(launch.receipt)
        self._try(launch, self._target.external_id, self._control_answered, "trust.control")
        for check in _NEGATIVES:
            self._try_negative(check, launch)

    def _try(
        self, launch: Session, external_id: str | None, then: Callable[[_Answer], None], check: str, pause: float = 0
    ) -> None:
        def work() -> SessionReceipt:
            if pause:
                self._over.wait(pause)
            return try_customer_role(self._vendor, self._target, launch, external_id)

        self._call(work, then, check)

    def _try_negative(self, check: str, launch: Session, pause: float = 0) -> None:
        external_id = None if check == "trust.no_external_id" else secrets.token_urlsafe(24)
        self._try(launch, external_id, lambda answer: self._negative_answered(check, launch, answer), check, pause)

    def _control_answered(self, answer: _Answer) -> None:
        if answer.failure is None:
            self._facts.control_passed = True
            self._receipts.append(answer.value)
            self._passed(
                "trust.control",
                "The trust-test gets in with your external ID, so its refusals mean something",
                answer,
                request_id=answer.value.request_id,
            )
        else:
            self._facts.control_passed = False
            self._facts.control_failure = answer.failure
            verdict = (
                Verdict(
                    Outcome.DENIED,
                    "control_refused",
                    Actor.CUSTOMER,
                    "The role also refuses us when we bring your external ID",
                    "Put right first what keeps us from entering the role; the external ID is tested after that.",
                )
                if isinstance(answer.failure, Refused)
                else findings.judge_failure(answer.failure)
            )
            self._failed("trust.control", verdict, answer)
        for check, kept in list(self._negatives.items()):
            self._judge_refused_negative(check, kept)

    def _negative_answered(self, check: str, launch: Session, answer: _Answer) -> None:
        how, cause = _NEGATIVES[check]
        if answer.failure is None:
            self._receipts.append(answer.value)
            if check not in self._repeated:
                # Perhaps the trust policy has just been put right, and AWS is still spreading it.
                self._repeated.add(check)
                self._try_negative(check, launch, pause=self._settings.repeat_pause)
                return
            self._remember_negative(check, enters=True)
            verdict = Verdict(
                Outcome.VIOLATED,
                cause,
                Actor.CUSTOMER,
                f"Your role lets us in {how}",
                "Deploy the current role template again. Its trust policy must hold the condition StringEquals "
                "sts:ExternalId with your external ID, in every statement that allows sts:AssumeRole.",
            )
            self._failed(check, verdict, answer, request_id=answer.value.request_id)
        elif not isinstance(answer.failure, Refused):
            self._failed(check, findings.judge_failure(answer.failure), answer)
        elif self._facts.control_passed is None:
            self._negatives[check] = answer
        else:
            self._judge_refused_negative(check, answer)

    def _judge_refused_negative(self, check: str, answer: _Answer) -> None:
        how, _ = _NEGATIVES[check]
        self._negatives.pop(check, None)
        if self._facts.control_passed:
            self._remember_negative(check, enters=False)
            self._passed(
                check, f"Nobody gets in {how}", answer, cause="refused_as_it_should", request_id=answer.request_id
            )
            return
        self._tell(
            findings.skipped(
                check,
                self._component,
                "control_did_not_pass",
                f"Not known yet whether anybody gets in {how}: the role refuses the right external ID too",
                duration_ms=answer.duration_ms,
                request_id=answer.request_id,
            )
        )

    def _remember_negative(self, check: str, *, enters: bool) -> None:
        if check == "trust.no_external_id":
            self._facts.enters_without_id = enters
        else:
            self._facts.enters_with_wrong_id = enters

    # The end

    def _judge_refusal(self) -> None:
        if self._facts.refusal is None:
            return
        failure, duration_ms = self._facts.refusal
        trust = TrustFacts(
            control_passed=self._facts.control_passed,
            enters_without_id=self._facts.enters_without_id,
            enters_with_wrong_id=self._facts.enters_with_wrong_id,
        )
        verdict = findings.judge_customer_refusal(failure, trust, self._target, self._role_arn)
        self._failed("chain.integration_to_customer", verdict, _Answer(None, failure, duration_ms))

    def _report(self) -> RoleReport:
        facts = self._facts
        return RoleReport(
            component=self._component,
            findings=tuple(self._findings),
            assumable=facts.customer is not None and facts.account_matches is not False,
            refused=facts.refusal is not None and not facts.vendor_fault,
            external_id_enforced=self._external_id_enforced(),
            permissions_ok=_permissions_ok(facts.probe_outcomes) if facts.customer else None,
            vendor_fault=facts.vendor_fault,
            receipts=tuple(self._receipts),
            integration_role_id=facts.integration_role_id,
            deadline_hit=facts.deadline_hit,
        )

    def _external_id_enforced(self) -> bool | None:
        answers = (self._facts.enters_without_id, self._facts.enters_with_wrong_id)
        if any(answers):
            return False
        return None if None in answers else True


def _answer_of(work: Callable[[], Any]) -> _Answer:
    started = time.monotonic()
    try:
        return _Answer(work(), None, _elapsed_ms(started))
    except AwsCallFailed as failure:
        return _Answer(None, failure, _elapsed_ms(started))


def _permissions_ok(outcomes: list[Outcome]) -> bool | None:
    """None where nothing is known to be missing, but not everything is known to be there."""
    if Outcome.DENIED in outcomes:
        return False
    return None if Outcome.ERROR in outcomes or Outcome.THROTTLED in outcomes else True
