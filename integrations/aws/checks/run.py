"""One verification under way: calls in threads of its own, their answers handled one by one in the calling thread.

When the deadline passes the run ends, whatever is still under way; a call left behind is cut off by http_deadline, and
its answer is thrown away.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.chain import VendorSide
from integrations.aws.checks.back_off import with_back_off
from integrations.aws.checks.renewal import Held, Renewable
from integrations.aws.errors import AwsCallFailed
from integrations.aws.http_deadline import ends_at
from integrations.aws.report import Actor, Finding, Outcome, SessionReceipt, VerificationTarget
from integrations.aws.vendor import VendorSettings
from integrations.aws.verdicts import LATER, Verdict
from integrations.aws.words import gettext_noop

logger = logging.getLogger(__name__)

# Calls of one run that are under way at once.
MAX_PARALLEL_CALLS = 24

_DEADLINE = Verdict(
    Outcome.ERROR,
    "deadline",
    Actor.NOBODY,
    gettext_noop("AWS did not answer in time"),
    LATER,
)


@dataclass(frozen=True)
class Answer:
    """What a call gave: a value, or the failure that stands for it."""

    value: Any
    failure: AwsCallFailed | None
    duration_ms: int
    request_id: str = ""

    @classmethod
    def none(cls) -> "Answer":
        """For a finding that rests on no call of its own."""
        return cls(None, None, 0)


@dataclass(frozen=True)
class _Pending:
    """A call under way: what to do with its answer, and what its absence leaves unknown."""

    then: Callable[[Answer], None]
    check: str
    action: str
    region: str


class _Receipts(list[SessionReceipt]):
    """The receipts of a run, each handed on as it is added: it counts although the run may be lost."""

    def __init__(self, on_receipt: Callable[[SessionReceipt], None]) -> None:
        super().__init__()
        self._on_receipt = on_receipt

    def append(self, receipt: SessionReceipt) -> None:
        super().append(receipt)
        self._on_receipt(receipt)


class Run:
    """What all checks of one verification share."""

    def __init__(
        self,
        vendor: VendorSide,
        target: VerificationTarget,
        on_finding: Callable[[Finding], None],
        deadline_seconds: float,
        on_receipt: Callable[[SessionReceipt], None] = lambda _: None,
    ) -> None:
        self.vendor = vendor
        self.settings: VendorSettings = vendor.settings
        self.target = target
        self.role_arn = str(target.role_arn(vendor.settings))
        self.findings: list[Finding] = []
        self.receipts: list[SessionReceipt] = _Receipts(on_receipt)
        self.vendor_fault = False
        self.deadline_hit = False
        self._on_finding = on_finding
        self._ends_at = time.monotonic() + deadline_seconds
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(MAX_PARALLEL_CALLS, thread_name_prefix="verify")
        self._pending: dict[Future[Answer], _Pending] = {}
        self._opened_anew: SimpleQueue[SessionReceipt] = SimpleQueue()

    @property
    def regions(self) -> tuple[str, ...]:
        """Where permissions are probed: where the customer allows it, or in the vendor's own region."""
        return self.target.regions or (self.settings.region,)

    @property
    def region(self) -> str:
        """Where a call is made that is to be made in one region."""
        return self.settings.region if self.settings.region in self.regions else self.regions[0]

    def renewable(self, session: Session, open_anew: Callable[[], Session]) -> Renewable[Session]:
        """The session, for calls that use it: where AWS calls it expired, `open_anew` gives the next."""

        def opened() -> tuple[Session, Iterable[SessionReceipt]]:
            anew = open_anew()
            return anew, (anew.receipt,)

        return self.renewable_with_receipts(session, opened)

    def renewable_with_receipts(
        self, held: Held, open_anew: Callable[[], tuple[Held, Iterable[SessionReceipt]]]
    ) -> Renewable[Held]:
        """As `renewable`, for what is opened by more sessions than one, or by none of this run's."""
        return Renewable(held, open_anew, self._opened_anew.put)

    def call(
        self, work: Callable[[], Any], then: Callable[[Answer], None], check: str, action: str = "", region: str = ""
    ) -> None:
        """Make `work`'s call in a thread, again after load, and give its answer to `then` in the calling thread."""

        def patient() -> Any:
            return with_back_off(work, seconds_left=self._seconds_left, pause=self.pause)

        # In the context of whoever started the run, in which it asks for its turns at STS, and with the run's end.
        context = copy_context()
        context.run(ends_at.set, self._ends_at)
        self._pending[self._pool.submit(context.run, answer_of, patient)] = _Pending(then, check, action, region)

    def _seconds_left(self) -> float:
        return 0 if self._over.is_set() else self._ends_at - time.monotonic()

    def pause(self, seconds: float) -> None:
        """For `work`: wait, but no longer than the run lasts."""
        if seconds > 0:
            self._over.wait(seconds)

    def follow(self) -> None:
        """Handle answers until none is left to wait for, or the deadline has passed."""
        try:
            while self._pending:
                remaining = self._ends_at - time.monotonic()
                done, _ = wait(self._pending, timeout=max(remaining, 0), return_when=FIRST_COMPLETED)
                if not done:
                    self._end_at_deadline()
                    return
                for future in done:
                    pending = self._pending.pop(future)
                    self._keep_receipts_of_what_was_opened_anew()
                    pending.then(future.result())
        finally:
            self._keep_receipts_of_what_was_opened_anew()
            self._over.set()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep_receipts_of_what_was_opened_anew(self) -> None:
        with suppress(Empty):
            while True:
                self.receipts.append(self._opened_anew.get_nowait())

    def _end_at_deadline(self) -> None:
        self.deadline_hit = True
        unanswered = dict.fromkeys((left.check, left.action, left.region) for left in self._pending.values())
        for check, action, region in unanswered:
            self.tell(findings.finding(check, self.target.component.id, _DEADLINE, action=action, region=region))
        self._pending.clear()

    def tell(self, finding: Finding) -> None:
        """Report a finding, at once."""
        self.findings.append(finding)
        self._on_finding(finding)

    def passed(self, check: str, title: str, answer: Answer, **more: Any) -> None:
        self.tell(
            findings.passed(
                check,
                self.target.component.id,
                title,
                duration_ms=answer.duration_ms,
                **({"request_id": answer.request_id} | more),
            )
        )

    def failed(self, check: str, verdict: Verdict, answer: Answer, *, blocks_verdict: bool = True, **more: Any) -> None:
        """Report a failure. One of the vendor's blocks the verdict on the role, unless `blocks_verdict` is False."""
        detail = answer.failure.text if answer.failure else ""
        if verdict.who is Actor.VENDOR:
            self.vendor_fault = self.vendor_fault or blocks_verdict
            detail = ""  # our own account's names are no business of the customer's
            logger.error(
                "Our own side failed at %s of connection %s: %s (%s), request %s",
                check,
                self.target.connection_ref,
                verdict.cause,
                answer.failure or "no failure of AWS's",
                answer.request_id or "unknown",
            )
        self.tell(
            findings.finding(
                check,
                self.target.component.id,
                verdict,
                duration_ms=answer.duration_ms,
                **({"detail": detail, "request_id": answer.request_id} | more),
            )
        )

    def skipped(self, check: str, cause: str, title: str, **more: Any) -> None:
        self.tell(findings.skipped(check, self.target.component.id, cause, title, **more))


def answer_of(work: Callable[[], Any]) -> Answer:
    """Do `work` and time it; a failure of AWS's becomes an answer, any other exception is a bug and stays one."""
    started = time.monotonic()
    try:
        return Answer(work(), None, elapsed_ms(started))
    except AwsCallFailed as failure:
        return Answer(None, failure, elapsed_ms(started), failure.request_id)


def elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
