"""Does the role refuse us, after off-boarding (F16)? Judged only while the same session enters a role of our own.

From a trust-test session with the right external ID: what our own policies let in, so that only the customer's side can
refuse. A broken vendor side refuses everything, and would look just like a customer who has gone.
"""

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.chain import enter_trust_test, try_control_role, try_customer_role
from integrations.aws.checks.refusals import Control, ControlledRefusals, MustBeRefused
from integrations.aws.checks.run import Answer, Run
from integrations.aws.report import Actor, Outcome
from integrations.aws.verdicts import Verdict

CONTROL = "removal.control"
REFUSED = "removal.refused"

_STILL_OPEN = Verdict(
    Outcome.VIOLATED,
    "still_open",
    Actor.CUSTOMER,
    "The role still lets us in",
    "Delete the stack, or the role, that the role template created in your account.",
)
_CONTROL_BROKEN = Verdict(
    Outcome.ERROR,
    "control_refused",
    Actor.VENDOR,
    "We could not test whether the role is gone",
    "There is nothing for you to do: this is a fault on our side, and our support staff can see it.",
)


class RemovalCheck:
    """One attempt to get in, that must be refused."""

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
        self._refusals = ControlledRefusals(
            run,
            Control(
                check=CONTROL,
                attempt=lambda: launch.use(lambda session: try_control_role(run.vendor, run.target, session)),
                passed_title="The same session enters a role of our own, so a refusal by yours means something",
                refused=_CONTROL_BROKEN,
            ),
            [
                MustBeRefused(
                    check=REFUSED,
                    attempts={
                        "your external ID": lambda: launch.use(
                            lambda session: try_customer_role(run.vendor, run.target, session, run.target.external_id)
                        )
                    },
                    refused_title="The role refuses us",
                    unknown_title="Not known yet whether the role refuses us",
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
