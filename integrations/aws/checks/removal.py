"""Does the role refuse us, after off-boarding (F16)? Judged only while the same session enters a role of our own.

From a trust-test session with the right external ID: what our own policies let in, so that only the customer's side can
refuse. A broken vendor side refuses everything, and would look just like a customer who has gone.
"""

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.chain import enter_trust_test, try_control_role, try_customer_role
from integrations.aws.checks.refusals import Attempt, Control, ControlledRefusals, MustBeRefused
from integrations.aws.checks.run import Answer, Run
from integrations.aws.report import Actor, Outcome, VerificationTarget
from integrations.aws.verdicts import OURS, Verdict
from integrations.aws.words import gettext_noop

CONTROL = "removal.control"
REFUSED = "removal.refused"

_STILL_OPEN = Verdict(
    Outcome.VIOLATED,
    "still_open",
    Actor.CUSTOMER,
    gettext_noop("The role still lets us in"),
    gettext_noop("Delete the stack, or the role, that the role template created in your account."),
)
_CONTROL_BROKEN = Verdict(
    Outcome.ERROR,
    "control_refused",
    Actor.VENDOR,
    gettext_noop("We could not test whether the role is gone"),
    OURS,
)


class RemovalCheck:
    """An attempt to get in with each external ID that the role may hold; all must be refused."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._refusals: ControlledRefusals | None = None

    def start(self) -> None:
        run = self._run
        run.call(lambda: enter_trust_test(run.vendor, run.target), self._entered, CONTROL)

    def _entered(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            run.failed(CONTROL, findings.judge_vendor_hop_failure(answer.failure), answer)
            return
        session: Session = answer.value
        run.receipts.append(session.receipt)
        launch = run.renewable(session, lambda: enter_trust_test(run.vendor, run.target))

        def attempt(external_id: str) -> Attempt:
            return lambda: launch.use(lambda session: try_customer_role(run.vendor, run.target, session, external_id))

        self._refusals = ControlledRefusals(
            run,
            Control(
                check=CONTROL,
                attempt=lambda: launch.use(lambda session: try_control_role(run.vendor, run.target, session)),
                passed_title=gettext_noop(
                    "The same session enters a role of our own, so a refusal by yours means something"
                ),
                refused=_CONTROL_BROKEN,
            ),
            [
                MustBeRefused(
                    check=REFUSED,
                    attempts={
                        how: attempt(external_id)
                        for external_id, how in zip(run.target.known_external_ids, _names(run.target), strict=True)
                    },
                    refused_title=gettext_noop("The role refuses us"),
                    unknown_title=gettext_noop("Not known yet whether the role refuses us"),
                    violated=_STILL_OPEN,
                )
            ],
        )
        self._refusals.start()

    def close(self) -> None:
        if self._refusals is not None:
            self._refusals.close()

    @property
    def removed(self) -> bool | None:
        """None where no verdict was reached."""
        if self._refusals is None or REFUSED not in self._refusals.entered:
            return None
        return not self._refusals.entered[REFUSED]


def _names(target: VerificationTarget) -> list[str]:
    """What each of the target's known external IDs is called."""
    others = len(target.known_external_ids) - 1
    return ["your external ID", *(f"another external ID of yours ({number})" for number in range(1, others + 1))]
