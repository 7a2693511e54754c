"""The chain, hop by hop: base → A → B → C, and whose account C is in."""

from collections.abc import Callable
from dataclasses import replace

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.chain import enter_customer_role, prove_component_side
from integrations.aws.checks.renewal import Renewable
from integrations.aws.checks.run import Answer, Run
from integrations.aws.customer_refusals import (
    NOT_EXPLAINED,
    TrustFacts,
    judge_customer_refusal,
    names_session_context,
)
from integrations.aws.errors import Refused
from integrations.aws.probes import caller_account
from integrations.aws.report import Actor, Outcome
from integrations.aws.sessions import Opened, SessionCache, open_launch
from integrations.aws.verdicts import Verdict
from integrations.aws.words import gettext_noop

TO_A = "chain.base_to_component"
TO_B = "chain.component_to_integration"
TO_C = "chain.integration_to_customer"
ACCOUNT = "account.matches"

# What is said of a hop between roles of ours: where a session was opened, and where one was open already.
_ENTERED = {
    TO_A: gettext_noop("We entered our component role"),
    TO_B: gettext_noop("We entered our integration role"),
}
_STILL_IN = {
    TO_A: gettext_noop("We are in our component role since a moment ago"),
    TO_B: gettext_noop("We are in our integration role since a moment ago"),
}

_ACCOUNT_DIFFERS = Verdict(
    Outcome.VIOLATED,
    "account_differs",
    Actor.VENDOR,
    gettext_noop("The role is not in the account you named"),
    gettext_noop("There is nothing for you to do: our support staff can see it."),
)


class ChainChecks:
    """Opens the chain. `on_launch` and `on_customer` start what needs B's and C's sessions.

    With `launches`, B's session is taken from there if it is open already: then it is not B that is proved.
    """

    def __init__(
        self,
        run: Run,
        *,
        on_launch: Callable[[Renewable[Session]], None],
        on_customer: Callable[[Renewable[Session]], None],
        launches: SessionCache | None = None,
    ) -> None:
        self._run = run
        self._launches = launches
        self._on_launch = on_launch
        self._on_customer = on_customer
        self._launch: Renewable[Session] | None = None
        self._refusal: Answer | None = None
        self._trust_test_entered = False
        self._not_explained = False
        self._component_side_asked = False
        self._component_side_works: bool | None = None
        self.customer: Renewable[Session] | None = None
        self.account_matches: bool | None = None

    @property
    def integration_role_id(self) -> str:
        """The unique id of the role whose session enters C; empty where none was opened."""
        return self._launch.held.receipt.role_id if self._launch else ""

    @property
    def narrowing(self) -> str:
        """How C's session was narrowed to the component; empty where there is none."""
        return (self.customer.held.narrowing or "") if self.customer else ""

    @property
    def refused(self) -> bool:
        """AWS answered that the customer role may not be assumed, and it is not open whether our own side refused."""
        return self._refusal is not None and not self._not_explained

    def start(self) -> None:
        if self._run.settings.chain == "direct":
            self._enter_integration_role()
            return
        component_id = self._run.target.component.id
        self._run.call(lambda: self._run.vendor.own_role_sts(component_id), self._component_role_entered, TO_A)

    def _component_role_entered(self, answer: Answer) -> None:
        if answer.failure:
            self._run.failed(TO_A, findings.judge_vendor_hop_failure(answer.failure), answer)
            return
        self._run.passed(TO_A, _ENTERED[TO_A], answer)
        self._enter_integration_role()

    @property
    def _launch_check(self) -> str:
        return TO_A if self._run.settings.chain == "direct" else TO_B

    def _enter_integration_role(self) -> None:
        self._run.call(self._open_launch, self._launch_opened, self._launch_check)

    def _open_launch(self) -> Opened:
        run = self._run
        if self._launches is None:
            return open_launch(run.vendor, run.target)
        return self._launches.session_and_receipts(run.target)

    def _launch_opened(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            run.failed(self._launch_check, findings.judge_vendor_hop_failure(answer.failure), answer)
            return
        session, receipts = answer.value
        for receipt in receipts:
            run.receipts.append(receipt)
        self._launch = launch = run.renewable_with_receipts(session, self._open_launch_anew)
        run.passed(
            self._launch_check,
            (_ENTERED if receipts else _STILL_IN)[self._launch_check],
            answer,
            request_id=session.receipt.request_id,
        )
        run.call(
            lambda: self._enter_customer_role(launch), lambda answer: self._customer_role_entered(launch, answer), TO_C
        )
        self._on_launch(launch)

    def _open_launch_anew(self) -> Opened:
        if self._launches is not None:
            self._launches.drop(self._run.target.connection_ref, self._run.target.component.id)
        return self._open_launch()

    def _enter_customer_role(self, launch: Renewable[Session]) -> Session:
        run = self._run
        return launch.use(lambda session: enter_customer_role(run.vendor, run.target, session))

    def _customer_role_entered(self, launch: Renewable[Session], answer: Answer) -> None:
        run = self._run
        if isinstance(answer.failure, Refused):
            # Judged when the trust-test has ended: its results tell the causes apart.
            self._refusal = answer
            self._prove_component_side()
            return
        if answer.failure:
            run.failed(TO_C, findings.judge_failure(answer.failure), answer)
            return
        session: Session = answer.value
        self.customer = customer = run.renewable(session, lambda: self._enter_customer_role(launch))
        run.receipts.append(session.receipt)
        run.passed(TO_C, gettext_noop("We entered your role"), answer, request_id=session.receipt.request_id)
        run.call(
            lambda: customer.use(lambda session: caller_account(run.vendor, session)), self._account_answered, ACCOUNT
        )
        self._on_customer(customer)

    def _account_answered(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            run.failed(ACCOUNT, findings.judge_failure(answer.failure), answer)
            return
        account_id, request_id = answer.value
        self.account_matches = account_id == run.target.account_id
        if self.account_matches:
            run.passed(ACCOUNT, gettext_noop("The role is in the account you named"), answer, request_id=request_id)
        else:
            run.failed(ACCOUNT, _ACCOUNT_DIFFERS, answer, request_id=request_id)

    def trust_test_entered(self) -> None:
        """The trust-test got in with the right external ID: a refusal of the chain beside it has a cause of its own."""
        self._trust_test_entered = True
        self._prove_component_side()

    def _prove_component_side(self) -> None:
        """Before the customer is told that the role refuses what the component's session brings: does our stand-in?"""
        run, refusal = self._run, self._refusal
        if refusal is None or not isinstance(refusal.failure, Refused) or self._component_side_asked:
            return
        if not self._trust_test_entered and not names_session_context(refusal.failure):
            return
        self._component_side_asked = True
        run.call(lambda: prove_component_side(run.vendor, run.target), self._component_side_proved, TO_C)

    def _component_side_proved(self, answer: Answer) -> None:
        if answer.failure is None:
            for receipt in answer.value:
                self._run.receipts.append(receipt)
            self._component_side_works = True
        elif isinstance(answer.failure, Refused):
            self._component_side_works = False

    def judge_refusal(self, trust: TrustFacts) -> None:
        """Report a refusal of C, if there was one, in the light of what the trust-test found."""
        if self._refusal is None or not isinstance(self._refusal.failure, Refused):
            return
        run = self._run
        facts = replace(trust, component_side_works=self._component_side_works)
        verdict = judge_customer_refusal(
            self._refusal.failure, facts, run.target, run.role_arn, abac=run.settings.chain == "abac"
        )
        self._not_explained = verdict is NOT_EXPLAINED
        run.failed(TO_C, verdict, self._refusal)
