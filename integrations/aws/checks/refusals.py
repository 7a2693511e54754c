"""Attempts that must be refused, beside a control that must succeed.

A refusal proves something only if the same session could have got in: so it is judged only where the control passed.
A success needs no control, but is repeated before it is believed: perhaps the trust policy has just been put right and
AWS is still spreading it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from integrations.aws import findings
from integrations.aws.checks.run import Answer, Run
from integrations.aws.errors import Refused
from integrations.aws.findings import Verdict
from integrations.aws.report import Actor, Outcome, SessionReceipt

Attempt = Callable[[], SessionReceipt]


@dataclass(frozen=True)
class Control:
    """The attempt that must succeed. `refused` is the verdict where it does not.

    `own_side` is an attempt that only our own side can refuse: where it is refused as well, nothing was proved of the
    customer's, and `refused` gives way to OUR_SIDE_BROKEN.
    """

    check: str
    attempt: Attempt
    passed_title: str
    refused: Verdict
    own_side: Attempt | None = None
    blocks_verdict: bool = True


OUR_SIDE_BROKEN = Verdict(
    Outcome.ERROR,
    "vendor_policy_refused",
    Actor.VENDOR,
    "Our own side refused the call",
    "There is nothing for you to do: this is a fault on our side, and our support staff can see it.",
)


@dataclass(frozen=True)
class MustBeRefused:
    """One attempt that must be refused, and the words for each way it can end."""

    check: str
    attempt: Attempt
    refused_title: str
    unknown_title: str
    violated: Verdict


class ControlledRefusals:
    """`entered` holds, by check, whether an attempt got in; a check without an entry has no answer."""

    def __init__(self, run: Run, control: Control, attempts: Sequence[MustBeRefused]) -> None:
        self._run = run
        self._control = control
        self._attempts = attempts
        self._waiting: list[tuple[MustBeRefused, Answer]] = []
        self._repeated: set[str] = set()
        self.control_passed: bool | None = None
        self.own_side_works: bool | None = None
        self.entered: dict[str, bool] = {}

    def start(self) -> None:
        """Make the control and all attempts side by side."""
        self._run.call(self._control.attempt, self._control_answered, self._control.check)
        for attempt in self._attempts:
            self._try(attempt)

    def _try(self, attempt: MustBeRefused, pause: float = 0) -> None:
        def work() -> SessionReceipt:
            self._run.pause(pause)
            return attempt.attempt()

        self._run.call(work, lambda answer: self._answered(attempt, answer), attempt.check)

    def _control_answered(self, answer: Answer) -> None:
        own_side = self._control.own_side
        if isinstance(answer.failure, Refused) and own_side is not None:
            self._run.call(own_side, lambda proof: self._own_side_answered(answer, proof), self._control.check)
        else:
            self._judge_control(answer)

    def _own_side_answered(self, refused: Answer, proof: Answer) -> None:
        self.own_side_works = proof.failure is None
        if proof.failure is None:
            self._run.receipts.append(proof.value)
            self._judge_control(refused)
        elif isinstance(proof.failure, Refused):
            self._run.failed(self._control.check, OUR_SIDE_BROKEN, proof)
            self._release(passed=False)
        else:
            self.own_side_works = None
            self._judge_control(proof)

    def _judge_control(self, answer: Answer) -> None:
        control = self._control
        if answer.failure is None:
            self._run.receipts.append(answer.value)
            self._run.passed(control.check, control.passed_title, answer, request_id=answer.value.request_id)
        else:
            refused = isinstance(answer.failure, Refused)
            verdict = control.refused if refused else findings.judge_failure(answer.failure)
            self._run.failed(control.check, verdict, answer, blocks_verdict=control.blocks_verdict)
        self._release(passed=answer.failure is None)

    def _release(self, *, passed: bool) -> None:
        self.control_passed = passed
        for attempt, kept in self._waiting:
            self._judge_refused(attempt, kept)
        self._waiting.clear()

    def _answered(self, attempt: MustBeRefused, answer: Answer) -> None:
        if answer.failure is None:
            self._run.receipts.append(answer.value)
            if attempt.check not in self._repeated:
                self._repeated.add(attempt.check)
                self._try(attempt, pause=self._run.settings.repeat_pause)
                return
            self.entered[attempt.check] = True
            self._run.failed(attempt.check, attempt.violated, answer, request_id=answer.value.request_id)
        elif not isinstance(answer.failure, Refused):
            self._run.failed(
                attempt.check,
                findings.judge_failure(answer.failure),
                answer,
                blocks_verdict=self._control.blocks_verdict,
            )
        elif self.control_passed is None:
            self._waiting.append((attempt, answer))
        else:
            self._judge_refused(attempt, answer)

    def _judge_refused(self, attempt: MustBeRefused, answer: Answer) -> None:
        if self.control_passed:
            self.entered[attempt.check] = False
            self._run.passed(attempt.check, attempt.refused_title, answer, cause="refused_as_it_should")
        else:
            self._run.skipped(
                attempt.check,
                "control_did_not_pass",
                attempt.unknown_title,
                duration_ms=answer.duration_ms,
                request_id=answer.request_id,
            )

    def close(self) -> None:
        """Report the refusals whose control never answered."""
        for attempt, answer in self._waiting:
            self._judge_refused(attempt, answer)
        self._waiting.clear()
