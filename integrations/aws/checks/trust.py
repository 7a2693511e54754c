"""Does the customer's trust policy refuse whom it must refuse? Live, in sessions that can do nothing.

Without an external ID, with wrong ones (F6, F7): from a trust-test session, which our own policies let in with any
external ID, so that only the customer's trust policy can refuse. With the right one, by a vendor role that is not the
trusted one, the canary (F8): its own policy allows it every role, as its control proves.
"""

from collections.abc import Callable

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.chain import StsByRegion, enter_trust_test, try_as_canary, try_control_role, try_customer_role
from integrations.aws.checks.refusals import Attempt, Control, ControlledRefusals, MustBeRefused
from integrations.aws.checks.renewal import Renewable
from integrations.aws.checks.run import Answer, Run
from integrations.aws.checks.wrong_ids import wrong_external_ids
from integrations.aws.customer_refusals import TrustFacts
from integrations.aws.errors import Refused
from integrations.aws.report import Actor, Outcome
from integrations.aws.vendor import CANARY as CANARY_ROLE
from integrations.aws.verdicts import MOVE_TO_ONE_ID, OURS, Verdict, and_run_again
from integrations.aws.words import gettext_noop

CONTROL = "trust.control"
NO_EXTERNAL_ID = "trust.no_external_id"
WRONG_EXTERNAL_ID = "trust.wrong_external_id"
PREVIOUS_EXTERNAL_ID = "trust.previous_external_id"
NEXT_EXTERNAL_ID = "trust.next_external_id"
CANARY = "trust.canary"
CANARY_CONTROL = "trust.canary_control"

_RESTORE = and_run_again(
    gettext_noop(
        "Put the trust policy of the current role template in place again: it must hold the condition StringEquals "
        "sts:ExternalId with your external ID, in every statement that allows sts:AssumeRole."
    )
)
_CONTROL_REFUSED = Verdict(
    Outcome.DENIED,
    "control_refused",
    Actor.CUSTOMER,
    gettext_noop("The role also refuses us when we bring your external ID"),
    gettext_noop(
        "Put right first what keeps us from entering the role. Where nothing else is named, the role is gone, or its "
        "trust policy asks for more than your external ID, such as session tags or a source identity, which our test "
        "does not bring: put both in place again as the current role template has them."
    ),
)
_TOO_WIDE = Verdict(
    Outcome.VIOLATED,
    "trust_too_wide",
    Actor.CUSTOMER,
    gettext_noop("Your role lets in another role of ours than the one it should"),
    and_run_again(
        gettext_noop(
            "Put the trust policy of the current role template in place again: it must name our one role as its "
            "principal, not our whole account and not everybody."
        )
    ),
)
_RETIRED_ID_ACCEPTED = Verdict(
    Outcome.VIOLATED,
    "retired_external_id_accepted",
    Actor.CUSTOMER,
    gettext_noop("The role still accepts an external ID that is no longer yours"),
    MOVE_TO_ONE_ID,
)
_NOT_MOVED = Verdict(
    Outcome.NOT_APPLICABLE,
    "next_external_id_not_accepted",
    Actor.CUSTOMER,
    gettext_noop("The role does not accept your new external ID yet, and is used with the previous one"),
    gettext_noop("Deploy the current role template when it suits you: it accepts both until all roles have moved."),
)
_CANARY_BROKEN = Verdict(
    Outcome.ERROR,
    "canary_cannot_prove",
    Actor.VENDOR,
    gettext_noop("We could not test who else gets in"),
    OURS,
)


def _opened(cause: str, title: str) -> Verdict:
    return Verdict(Outcome.VIOLATED, cause, Actor.CUSTOMER, title, _RESTORE)


class TrustChecks:
    """The trust-test and the canary, beside the chain. `on_control_passed`: the right external ID got in."""

    def __init__(self, run: Run, *, on_control_passed: Callable[[], None] = lambda: None) -> None:
        self._run = run
        self._on_control_passed = on_control_passed
        self._trust_test: ControlledRefusals | None = None
        self._canary: ControlledRefusals | None = None
        self._canary_session_is_new = False
        self._entered_with_previous: list[bool | None] = []
        self._refused_previous: list[Answer] = []
        self._next_answer: Answer | None = None

    def start(self) -> None:
        run = self._run
        run.call(lambda: enter_trust_test(run.vendor, run.target), self._trust_test_entered, CONTROL)
        self._canary_session_is_new = not run.vendor.keeps_own_role(CANARY_ROLE)
        run.call(lambda: run.vendor.own_role_sts_by_region(CANARY_ROLE), self._canary_entered, CANARY_CONTROL)

    def _canary_again(self) -> bool:
        """Whether the canary starts again, since its session was kept from before and may be stale."""
        if self._canary_session_is_new:
            return False
        self._canary_session_is_new = True
        self._run.call(self._become_canary_anew, self._canary_entered, CANARY_CONTROL)
        return True

    def _become_canary_anew(self) -> StsByRegion:
        self._run.vendor.forget_own_role(CANARY_ROLE)
        return self._run.vendor.own_role_sts_by_region(CANARY_ROLE)

    def _trust_test_entered(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            run.failed(CONTROL, findings.judge_vendor_hop_failure(answer.failure), answer)
            return
        session: Session = answer.value
        run.receipts.append(session.receipt)
        launch = run.renewable(session, lambda: enter_trust_test(run.vendor, run.target))
        self._trust_test = ControlledRefusals(
            run,
            Control(
                check=CONTROL,
                attempt=self._attempt(launch, run.target.external_id),
                passed_title=gettext_noop(
                    "The trust-test gets in with your external ID, so its refusals mean something"
                ),
                refused=_CONTROL_REFUSED,
                own_side=lambda: launch.use(lambda session: try_control_role(run.vendor, run.target, session)),
                on_passed=self._on_control_passed,
            ),
            [
                self._external_id_test(launch),
                self._wrong_external_id_test(launch),
            ],
        )
        self._trust_test.start()
        for external_id in run.target.previous_external_ids:
            self._try(external_id, launch, self._previous_answered, PREVIOUS_EXTERNAL_ID)
        if run.target.next_external_id:
            self._try(run.target.next_external_id, launch, self._next_answered, NEXT_EXTERNAL_ID)

    def _try(self, external_id: str, launch: Renewable[Session], then: Callable[[Answer], None], check: str) -> None:
        self._run.call(self._attempt(launch, external_id), then, check)

    def _previous_answered(self, answer: Answer) -> None:
        run = self._run
        if answer.failure is None:
            self._entered_with_previous.append(True)
            run.receipts.append(answer.value)
            if run.target.retired:
                run.failed(PREVIOUS_EXTERNAL_ID, _RETIRED_ID_ACCEPTED, answer, request_id=answer.value.request_id)
                return
            run.passed(
                PREVIOUS_EXTERNAL_ID,
                gettext_noop("The role still accepts your previous external ID"),
                answer,
                cause="previous_external_id_accepted",
                request_id=answer.value.request_id,
            )
        elif isinstance(answer.failure, Refused):
            self._refused_previous.append(answer)  # what it means is known once the control has answered
        else:
            self._entered_with_previous.append(None)
            run.failed(PREVIOUS_EXTERNAL_ID, findings.judge_failure(answer.failure), answer, blocks_verdict=False)

    def _judge_previous_refusals(self) -> None:
        run, counts = self._run, self.facts.control_passed is True
        for answer in self._refused_previous:
            self._entered_with_previous.append(False if counts else None)
            if counts:
                run.passed(
                    PREVIOUS_EXTERNAL_ID,
                    gettext_noop("The role does not accept your previous external ID"),
                    answer,
                    cause="previous_external_id_refused",
                )
            else:
                run.skipped(
                    PREVIOUS_EXTERNAL_ID,
                    "control_did_not_pass",
                    gettext_noop("Not known yet whether the role accepts your previous external ID"),
                    duration_ms=answer.duration_ms,
                    request_id=answer.request_id,
                )
        self._refused_previous.clear()

    def _next_answered(self, answer: Answer) -> None:
        run = self._run
        self._next_answer = answer
        if answer.failure is None:
            run.receipts.append(answer.value)
            run.passed(
                NEXT_EXTERNAL_ID,
                gettext_noop("The role accepts your new external ID"),
                answer,
                cause="next_external_id_accepted",
                request_id=answer.value.request_id,
            )
        elif isinstance(answer.failure, Refused):
            run.failed(NEXT_EXTERNAL_ID, _NOT_MOVED, answer)
        else:
            run.failed(NEXT_EXTERNAL_ID, findings.judge_failure(answer.failure), answer, blocks_verdict=False)

    def _attempt(self, launch: Renewable[Session], external_id: str | None) -> Attempt:
        """Try the customer role with an external ID, or with none."""
        vendor, target = self._run.vendor, self._run.target
        return lambda: launch.use(lambda session: try_customer_role(vendor, target, session, external_id))

    def _external_id_test(self, launch: Renewable[Session]) -> MustBeRefused:
        return MustBeRefused(
            check=NO_EXTERNAL_ID,
            attempts={"no external ID": self._attempt(launch, None)},
            refused_title=gettext_noop("Nobody gets in without any external ID"),
            unknown_title=gettext_noop(
                "Not known yet whether anybody gets in without any external ID: our test with the right external ID "
                "came to no result"
            ),
            control_refused_title=gettext_noop(
                "Not known yet whether anybody gets in without any external ID: the role refuses the right external ID "
                "too"
            ),
            violated=_opened("no_external_id_accepted", gettext_noop("Your role lets us in without any external ID")),
        )

    def _wrong_external_id_test(self, launch: Renewable[Session]) -> MustBeRefused:
        return MustBeRefused(
            check=WRONG_EXTERNAL_ID,
            attempts={
                how: self._attempt(launch, wrong)
                for how, wrong in wrong_external_ids(self._run.target.external_id).items()
            },
            refused_title=gettext_noop("Nobody gets in with a wrong external ID"),
            unknown_title=gettext_noop(
                "Not known yet whether anybody gets in with a wrong external ID: our test with the right external ID "
                "came to no result"
            ),
            control_refused_title=gettext_noop(
                "Not known yet whether anybody gets in with a wrong external ID: the role refuses the right external "
                "ID too"
            ),
            violated=_opened(
                "wrong_external_id_accepted", gettext_noop("Your role lets us in with a wrong external ID")
            ),
        )

    def _canary_entered(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            verdict = findings.judge_vendor_hop_failure(answer.failure)
            run.failed(CANARY_CONTROL, verdict, answer, blocks_verdict=False)
            return
        canary: Renewable[StsByRegion] = run.renewable_with_receipts(
            answer.value, lambda: (self._become_canary_anew(), ())
        )

        def attempt(role_arn: str) -> Attempt:
            return lambda: canary.use(lambda sts: try_as_canary(run.vendor, sts, run.target, role_arn))

        self._canary = ControlledRefusals(
            run,
            Control(
                check=CANARY_CONTROL,
                attempt=attempt(run.settings.control_role_arn),
                passed_title=gettext_noop(
                    "Our canary gets in where anybody of our account may, so its refusal means something"
                ),
                refused=_CANARY_BROKEN,
                again=self._canary_again,
                blocks_verdict=False,
            ),
            [
                MustBeRefused(
                    check=CANARY,
                    attempts={"another role": attempt(run.role_arn)},
                    refused_title=gettext_noop("No other role of ours gets in"),
                    unknown_title=gettext_noop("Not known yet whether another role of ours gets in"),
                    violated=_TOO_WIDE,
                )
            ],
        )
        self._canary.start()

    def close(self) -> None:
        for refusals in (self._trust_test, self._canary):
            if refusals is not None:
                refusals.close()
        self._judge_previous_refusals()

    @property
    def facts(self) -> TrustFacts:
        entered = self._trust_test.entered if self._trust_test else {}
        return TrustFacts(
            control_passed=self._trust_test.control_passed if self._trust_test else None,
            enters_without_id=entered.get(NO_EXTERNAL_ID),
            enters_with_wrong_id=entered.get(WRONG_EXTERNAL_ID),
            enters_with_previous_id=True in self._entered_with_previous,
            enters_with_next_id=self.accepts_next_external_id is True,
            own_side_works=self._trust_test.own_side_works if self._trust_test else None,
        )

    @property
    def accepts_next_external_id(self) -> bool | None:
        """None where it was not tried, or had no answer."""
        if self._next_answer is None:
            return None
        if self._next_answer.failure is None:
            return True
        return False if isinstance(self._next_answer.failure, Refused) else None

    @property
    def refuses_previous_external_ids(self) -> bool | None:
        """All of them, beside a control that passed; None where one had no answer that counts, or none was tried."""
        if True in self._entered_with_previous:
            return False
        return None if None in self._entered_with_previous or not self._entered_with_previous else True

    @property
    def external_id_enforced(self) -> bool | None:
        """None where a test had no answer."""
        answers = (self.facts.enters_without_id, self.facts.enters_with_wrong_id)
        if any(answers):
            return False
        return None if None in answers else True

    @property
    def too_wide(self) -> bool | None:
        """Another principal than the trusted one gets in; None where the canary had no answer that counts."""
        return self._canary.entered.get(CANARY) if self._canary else None

    @property
    def safe(self) -> bool | None:
        """The role refuses everybody it must; None where a test had no answer and none was alarming."""
        if self.too_wide or self.external_id_enforced is False:
            return False
        return None if self.too_wide is None else self.external_id_enforced
