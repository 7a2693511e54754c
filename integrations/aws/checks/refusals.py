"""Attempts that must be refused, beside a control that must succeed.

A refusal proves something only if the same session could have got in: so it is judged only where the control passed.
A success needs no control, but is repeated before it is believed: perhaps the trust policy has just been put right and
AWS is still spreading it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from integrations.aws import findings
from integrations.aws.checks.run import Answer, Run
from integrations.aws.customer_refusals import speaks_of_vendor
from integrations.aws.errors import Refused, read_denial
from integrations.aws.report import Actor, Outcome, SessionReceipt
from integrations.aws.verdicts import OURS, Verdict
from integrations.aws.words import gettext_noop

Attempt = Callable[[], SessionReceipt]


def _refused_by_us(answer: Answer) -> bool:
    """Whether AWS says that a policy of the caller's refused, which is ours: that proves nothing of the customer's."""
    return isinstance(answer.failure, Refused) and speaks_of_vendor(read_denial(answer.failure.text))


@dataclass(frozen=True)
class Control:
    """The attempt that must succeed. `refused` is the verdict where it does not.

    `own_side` is an attempt that only our own side can refuse: where it is refused as well, nothing was proved of the
    customer's, and `refused` gives way to OUR_SIDE_BROKEN. `again` is asked first: where a stale session may be why it
    was refused, it starts everything anew and says so, and these attempts count no more.
    """

    check: str
    attempt: Attempt
    passed_title: str
    refused: Verdict
    own_side: Attempt | None = None
    again: Callable[[], bool] = lambda: False
    on_passed: Callable[[], None] = lambda: None
    blocks_verdict: bool = True


OUR_SIDE_BROKEN = Verdict(
    Outcome.ERROR,
    "vendor_policy_refused",
    Actor.VENDOR,
    gettext_noop("Our own side refused the call"),
    OURS,
)


@dataclass(frozen=True)
class MustBeRefused:
    """Attempts that must all be refused, by what each of them tries, and the words for each way they can end.

    They make one finding: `violated` as soon as one of them got in twice, `refused_title` when all were refused. Where
    the control did not pass it is `control_refused_title` if it was the role that refused it, else `unknown_title`.
    """

    check: str
    attempts: Mapping[str, Attempt]
    refused_title: str
    unknown_title: str
    violated: Verdict
    control_refused_title: str = ""


@dataclass
class _Progress:
    """How far the attempts of one check are."""

    left: set[str]
    repeated: set[str] = field(default_factory=set)
    refused: Answer | None = None
    failed: Answer | None = None
    violated: bool = False


class ControlledRefusals:
    """`entered` holds, by check, whether an attempt got in; a check without an entry has no answer."""

    def __init__(self, run: Run, control: Control, refusals: Sequence[MustBeRefused]) -> None:
        self._run = run
        self._control = control
        self._refusals = refusals
        self._progress = {refusal.check: _Progress(left=set(refusal.attempts)) for refusal in refusals}
        self._waiting: list[tuple[MustBeRefused, Answer]] = []
        self._abandoned = False
        self._control_refused = False
        self.control_passed: bool | None = None
        self.own_side_works: bool | None = None
        self.entered: dict[str, bool] = {}

    def start(self) -> None:
        """Make the control and all attempts side by side."""
        self._run.call(self._control.attempt, self._control_answered, self._control.check)
        for refusal in self._refusals:
            for what in refusal.attempts:
                self._try(refusal, what)

    def _try(self, refusal: MustBeRefused, what: str, pause: float = 0) -> None:
        def work() -> SessionReceipt:
            self._run.pause(pause)
            return refusal.attempts[what]()

        self._run.call(work, lambda answer: self._answered(refusal, what, answer), refusal.check)

    def _control_answered(self, answer: Answer) -> None:
        if isinstance(answer.failure, Refused) and self._control.again():
            self._abandoned = True
            self._waiting.clear()
            return
        own_side = self._control.own_side
        if _refused_by_us(answer) and own_side is not None:
            self._our_side_broken(answer)
        elif isinstance(answer.failure, Refused) and own_side is not None:
            self._run.call(own_side, lambda proof: self._own_side_answered(answer, proof), self._control.check)
        else:
            self._judge_control(answer)

    def _own_side_answered(self, refused: Answer, proof: Answer) -> None:
        if proof.failure is None:
            self.own_side_works = True
            self._run.receipts.append(proof.value)
            self._judge_control(refused)
        elif isinstance(proof.failure, Refused):
            self._our_side_broken(proof)
        else:
            self._judge_control(proof)

    def _our_side_broken(self, answer: Answer) -> None:
        self.own_side_works = False
        self._run.failed(self._control.check, OUR_SIDE_BROKEN, answer)
        self._release(passed=False)

    def _judge_control(self, answer: Answer) -> None:
        control = self._control
        if answer.failure is None:
            self._run.receipts.append(answer.value)
            self._run.passed(control.check, control.passed_title, answer, request_id=answer.value.request_id)
            control.on_passed()
        else:
            refused = self._control_refused = isinstance(answer.failure, Refused)
            verdict = control.refused if refused else findings.judge_failure(answer.failure)
            self._run.failed(control.check, verdict, answer, blocks_verdict=control.blocks_verdict)
        self._release(passed=answer.failure is None)

    def _release(self, *, passed: bool) -> None:
        self.control_passed = passed
        for refusal, kept in self._waiting:
            self._judge(refusal, kept)
        self._waiting.clear()

    def _answered(self, refusal: MustBeRefused, what: str, answer: Answer) -> None:
        progress = self._progress[refusal.check]
        if answer.failure is None:
            self._run.receipts.append(answer.value)
        if self._abandoned:
            return
        if answer.failure is None:
            if what not in progress.repeated:
                progress.repeated.add(what)
                self._try(refusal, what, pause=self._run.settings.repeat_pause)
                return
            self._got_in(refusal, what, answer)
        elif isinstance(answer.failure, Refused) and not _refused_by_us(answer):
            progress.refused = answer
        else:
            progress.failed = answer
        progress.left.discard(what)
        if not progress.left and not progress.violated:
            self._all_answered(refusal, progress)

    def _got_in(self, refusal: MustBeRefused, what: str, answer: Answer) -> None:
        progress = self._progress[refusal.check]
        if progress.violated:
            return
        progress.violated = True
        self.entered[refusal.check] = True
        detail = f"It let us in with {what}." if len(refusal.attempts) > 1 else ""
        self._run.failed(refusal.check, refusal.violated, answer, request_id=answer.value.request_id, detail=detail)

    def _all_answered(self, refusal: MustBeRefused, progress: _Progress) -> None:
        answer = progress.failed or progress.refused
        if answer is None:
            return
        if self.control_passed is None:
            self._waiting.append((refusal, answer))
        else:
            self._judge(refusal, answer)

    def _judge(self, refusal: MustBeRefused, answer: Answer) -> None:
        if answer.failure is not None and (_refused_by_us(answer) or not isinstance(answer.failure, Refused)):
            verdict = OUR_SIDE_BROKEN if _refused_by_us(answer) else findings.judge_failure(answer.failure)
            self._run.failed(refusal.check, verdict, answer, blocks_verdict=self._control.blocks_verdict)
        else:
            self._judge_refused(refusal, answer)

    def _judge_refused(self, refusal: MustBeRefused, answer: Answer) -> None:
        if self.control_passed:
            self.entered[refusal.check] = False
            self._run.passed(refusal.check, refusal.refused_title, answer, cause="refused_as_it_should")
        else:
            self._run.skipped(
                refusal.check,
                "control_did_not_pass",
                (self._control_refused and refusal.control_refused_title) or refusal.unknown_title,
                duration_ms=answer.duration_ms,
                request_id=answer.request_id,
            )

    def close(self) -> None:
        """Report the refusals whose control never answered."""
        for refusal, answer in self._waiting:
            self._judge(refusal, answer)
        self._waiting.clear()
