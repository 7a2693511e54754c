"""Does the role give more than was asked (F14)? What must be denied is tried, in a session that would allow it."""

from collections.abc import Callable
from typing import Any

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.chain import enter_for_grant_test
from integrations.aws.checks.inspection import InspectionChecks
from integrations.aws.checks.renewal import Renewable
from integrations.aws.checks.run import Answer, Run
from integrations.aws.errors import Refused, read_denial
from integrations.aws.inspection import Question, Simulation
from integrations.aws.probes import run_probe
from integrations.aws.report import Actor, Outcome
from integrations.aws.verdicts import Verdict
from integrations.aws.words import gettext_noop
from integrations.catalogue import NeverGranted, Probe

LEAST_PRIVILEGE = "least_privilege"


class GrantChecks:
    """The calls that must be denied."""

    def __init__(self, run: Run, inspection: InspectionChecks) -> None:
        self._run = run
        self._inspection = inspection

    def start(self, launch: Renewable[Session]) -> None:
        run = self._run
        for entry in run.target.component.never_granted:
            if entry.probe is None:
                self._simulate(entry)
        if not any(entry.probe for entry in run.target.component.never_granted):
            return

        def enter() -> Session:
            return launch.use(lambda session: enter_for_grant_test(run.vendor, run.target, session))

        run.call(enter, lambda answer: self._entered(answer, enter), LEAST_PRIVILEGE)

    def _entered(self, answer: Answer, enter: Callable[[], Session]) -> None:
        run = self._run
        if isinstance(answer.failure, Refused):
            return  # the chain reports that the role cannot be entered, and why
        if answer.failure:
            verdict = findings.judge_failure(answer.failure)
            run.failed(LEAST_PRIVILEGE, verdict, answer, blocks_verdict=False)
            return
        session: Session = answer.value
        run.receipts.append(session.receipt)
        granted = run.renewable(session, enter)
        for entry in run.target.component.never_granted:
            if entry.probe is not None:
                self._try(entry, entry.probe, granted)

    def _simulate(self, entry: NeverGranted) -> None:
        question = Question(entry.action, self._run.region)
        self._inspection.ask([question], lambda answers: self._simulated(entry, answers.get(question)))

    def _simulated(self, entry: NeverGranted, simulation: Simulation | None) -> None:
        run = self._run
        where: dict[str, Any] = {"action": entry.action, "region": run.region}
        if simulation is None:
            run.skipped(
                LEAST_PRIVILEGE, "no_probe", gettext_noop("No harmless call can tell whether this is denied"), **where
            )
        elif simulation.decision == "allowed":
            self._over_granted(entry, Answer.none(), simulation)
        else:
            run.passed(
                LEAST_PRIVILEGE,
                gettext_noop("Denied, as AWS's policy simulation says"),
                Answer.none(),
                cause="simulated",
                **where,
            )

    def _try(self, entry: NeverGranted, probe: Probe, granted: Renewable[Session]) -> None:
        run = self._run
        run.call(
            lambda: granted.use(lambda session: run_probe(run.vendor, session, probe, run.region)),
            lambda answer: self._answered(entry, answer),
            LEAST_PRIVILEGE,
            entry.action,
            run.region,
        )

    def _over_granted(self, entry: NeverGranted, answer: Answer, simulation: Simulation | None) -> None:
        """Where it was tried, the live answer alone is the verdict; the simulation only names what grants it."""
        run = self._run
        granted_by = ", ".join(simulation.decided_by) if simulation else ""
        which = f"the policy {granted_by}, which grants it" if granted_by else "the policy that grants it"
        verdict = Verdict(
            Outcome.VIOLATED,
            "over_granted",
            Actor.CUSTOMER,
            gettext_noop("Your role gives us more than we asked for"),
            f"Take {entry.action} away from the role {run.target.role_name}: detach or narrow {which}. {entry.reason}",
        )
        run.failed(
            LEAST_PRIVILEGE, verdict, answer, request_id=answer.value or "", action=entry.action, region=run.region
        )

    def _answered(self, entry: NeverGranted, answer: Answer) -> None:
        run = self._run
        where: dict[str, Any] = {"action": entry.action, "region": run.region}
        if answer.failure is None:
            question = Question(entry.action, run.region)
            self._inspection.ask([question], lambda answers: self._over_granted(entry, answer, answers.get(question)))
            return
        if not isinstance(answer.failure, Refused):
            run.failed(
                LEAST_PRIVILEGE, findings.judge_probe_failure(answer.failure), answer, blocks_verdict=False, **where
            )
            return
        verdict = findings.judge_probe_failure(answer.failure)
        if verdict.who is Actor.VENDOR:
            # Our own session policy or network said no: the refusal says nothing of the role.
            run.failed(LEAST_PRIVILEGE, verdict, answer, blocks_verdict=False, **where)
            return
        policy_type = read_denial(answer.failure.text).policy_type
        run.passed(
            LEAST_PRIVILEGE,
            gettext_noop("Denied, as it should be"),
            answer,
            cause="denied_as_it_should",
            detail=f"Denied by: {policy_type.value}" if policy_type else "",
            **where,
        )
