"""What the role tells of itself, where the customer chose self-inspection: trust linter, drift, simulation.

It explains, and it sees what no live call can try; the verdict on who gets in stays with the live tests, except that a
trust policy which is written too wide makes the role unsafe by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from integrations.aws import findings, inspection
from integrations.aws.assume_role import Session
from integrations.aws.chain import enter_for_inspection
from integrations.aws.checks.renewal import Renewable
from integrations.aws.checks.run import Answer, Run
from integrations.aws.errors import Refused
from integrations.aws.inspection import Question, RoleSelf, Simulation
from integrations.aws.report import Actor, Outcome
from integrations.aws.trust_lint import lint_trust
from integrations.aws.verdicts import Verdict, and_run_again
from integrations.aws.words import gettext_noop

SESSION = "inspection.session"
SIMULATION = "inspection.simulation"
TRUST = "inspection.trust"
ROLE = "inspection.role"
POLICIES = "inspection.policies"

T = TypeVar("T")
OnAnswers = Callable[[Mapping[Question, Simulation]], None]
_Asked = tuple[Sequence[Question], OnAnswers]


class InspectionChecks:
    """Reads the role through a session that may do nothing else, and asks AWS's policy simulation for other checks."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._with_iam: Callable[[Callable[[Any], Any]], Any] | None = None
        self._role_answered = False
        # Nothing can be asked any more, or never could.
        self._closed = not run.target.self_inspection
        # Whether the role tells nothing of itself: the customer did not choose it, or AWS refused it.
        self.refuses = not run.target.self_inspection
        self._waiting: list[_Asked] = []
        self._under_way: list[list[_Asked]] = []
        self.too_wide = False
        self.deployed_version = ""

    def start(self, launch: Renewable[Session]) -> None:
        run = self._run

        def enter() -> Session:
            return launch.use(lambda session: enter_for_inspection(run.vendor, run.target, session))

        if run.target.self_inspection:
            run.call(enter, lambda answer: self._entered(answer, enter), SESSION)

    def _entered(self, answer: Answer, enter: Callable[[], Session]) -> None:
        run = self._run
        if answer.failure:
            # Where it was refused, the chain reports that the role cannot be entered, and why.
            if isinstance(answer.failure, Refused):
                self.refuses = True
            else:
                run.failed(SESSION, findings.judge_failure(answer.failure), answer, blocks_verdict=False)
            self.close()
            return
        session: Session = answer.value
        run.receipts.append(session.receipt)
        own = run.renewable(session, enter)

        def with_iam(work: Callable[[Any], T]) -> T:
            """What `work` gives with an IAM client of the session."""
            return own.use(
                lambda session: work(run.vendor.clients.with_session("iam", run.settings.region, session.credentials))
            )

        self._with_iam = with_iam
        name = run.target.role_name
        run.call(lambda: with_iam(lambda iam: inspection.read_role(iam, name)), self._role_read, ROLE)
        run.call(lambda: with_iam(lambda iam: inspection.read_policies(iam, name)), self._policies_read, POLICIES)

    # AWS's policy simulation, for whoever asks

    def ask(self, questions: Sequence[Question], then: OnAnswers) -> None:
        """Give `then` the simulation's answers: once, and without those that AWS did not give.

        They come after the role's own description, so that `deployed_version` is known by then.
        """
        if self._closed:
            then({})
            return
        self._waiting.append((questions, then))
        self._send_waiting()

    def _send_waiting(self) -> None:
        with_iam, run = self._with_iam, self._run
        if with_iam is None or not self._role_answered or not self._waiting:
            return
        asked, self._waiting = self._waiting, []
        questions = list(dict.fromkeys(question for some, _ in asked for question in some))
        self._under_way.append(asked)
        run.call(
            lambda: with_iam(lambda iam: inspection.simulate(iam, run.role_arn, questions)),
            lambda answer: self._simulated(asked, answer),
            SIMULATION,
        )

    def _simulated(self, asked: list[_Asked], answer: Answer) -> None:
        self._under_way.remove(asked)
        if answer.failure:
            verdict = findings.judge_probe_failure(answer.failure)
            self._run.failed(SIMULATION, verdict, answer, blocks_verdict=False)
            self.refuses = self.refuses or isinstance(answer.failure, Refused)
        for _, then in asked:
            then(answer.value or {})

    def close(self) -> None:
        """Nothing is asked any more: whoever still waits hears so."""
        self._closed = True
        waiting = [*self._waiting, *(one for asked in self._under_way for one in asked)]
        self._waiting, self._under_way = [], []
        for _, then in waiting:
            then({})

    # The role and its trust policy

    def _role_read(self, answer: Answer) -> None:
        self._role_answered = True
        run = self._run
        if answer.failure:
            run.failed(ROLE, findings.judge_probe_failure(answer.failure), answer, blocks_verdict=False)
        else:
            self._judge_role(answer)
        self._send_waiting()

    def _judge_role(self, answer: Answer) -> None:
        run = self._run
        role: RoleSelf = answer.value
        self.deployed_version = role.tags.get(run.target.version_tag_key, "")
        self._lint(role, answer)
        drift = self._drift(role)
        for verdict in drift:
            run.failed(ROLE, verdict, answer)
        if not drift:
            run.passed(ROLE, gettext_noop("The role's settings are as the template says"), answer)

    def _lint(self, role: RoleSelf, answer: Answer) -> None:
        run = self._run
        problems = lint_trust(
            role.trust_policy,
            principal_arn=run.settings.trusted_principal_arn(run.target.component.id),
            account_root_arn=run.settings.account_root_arn,
            external_ids=run.target.known_external_ids if not run.target.retired else (run.target.external_id,),
        )
        for problem in problems:
            self.too_wide = self.too_wide or problem.too_wide
            verdict = Verdict(problem.outcome, problem.cause, Actor.CUSTOMER, problem.title, problem.fix)
            run.failed(TRUST, verdict, answer)
        if not problems:
            run.passed(TRUST, gettext_noop("The trust policy is as the template says"), answer)

    def _drift(self, role: RoleSelf) -> list[Verdict]:
        found = []
        longest = self._run.target.max_session_seconds
        if role.max_session_seconds > longest:
            found.append(
                Verdict(
                    Outcome.VIOLATED,
                    "session_too_long",
                    Actor.CUSTOMER,
                    f"The role allows sessions of {role.max_session_seconds} seconds; the template asks for {longest}",
                    and_run_again(f"Set the role's maximum session duration to {longest} seconds."),
                )
            )
        settings = self._run.settings
        if role.tags.get(settings.product_tag_key) != settings.product_tag_value:
            found.append(
                Verdict(
                    Outcome.VIOLATED,
                    "product_tag_lost",
                    Actor.CUSTOMER,
                    gettext_noop("The role has lost the tag that marks it as ours to use"),
                    and_run_again(
                        f"Put the tag {settings.product_tag_key} = {settings.product_tag_value} on the role."
                    ),
                )
            )
        wanted = self._run.target.boundary_arn
        if wanted and role.boundary_arn != wanted:
            found.append(
                Verdict(
                    Outcome.VIOLATED,
                    "boundary_lost",
                    Actor.CUSTOMER,
                    gettext_noop("The role does not have the permissions boundary you chose"),
                    and_run_again(f"Put the permissions boundary {wanted} on the role."),
                )
            )
        return found

    # What is attached

    def _policies_read(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            run.failed(POLICIES, findings.judge_probe_failure(answer.failure), answer, blocks_verdict=False)
            return
        extra = inspection.more_than_asked(
            answer.value, run.target.component, run.target.role_arn(run.settings), run.target.regions
        )
        if not extra:
            run.passed(POLICIES, gettext_noop("Nothing is attached to the role but what we asked for"), answer)
            return
        verdict = Verdict(
            Outcome.VIOLATED,
            "more_than_asked",
            Actor.CUSTOMER,
            gettext_noop("More is attached to the role than we asked for"),
            gettext_noop("Take it away from the role, unless you put it there on purpose: we do not need it."),
        )
        run.failed(POLICIES, verdict, answer, detail="\n".join(extra))
