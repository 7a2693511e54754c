"""What the role tells of itself, where the customer chose self-inspection: trust linter, drift, simulation.

It explains, and it sees what no live call can try; the verdict on who gets in stays with the live tests, except that a
trust policy which is written too wide makes the role unsafe by itself.
"""

from typing import Any

from integrations.aws import findings, inspection
from integrations.aws.assume_role import Session
from integrations.aws.chain import enter_for_inspection
from integrations.aws.checks.permissions import PERMISSION
from integrations.aws.checks.run import Answer, Run
from integrations.aws.errors import Refused
from integrations.aws.findings import Verdict
from integrations.aws.inspection import RoleSelf, Simulation
from integrations.aws.report import Actor, Outcome
from integrations.aws.trust_lint import lint_trust

SESSION = "inspection.session"
TRUST = "inspection.trust"
ROLE = "inspection.role"
POLICIES = "inspection.policies"


class InspectionChecks:
    """Reads the role through a session that may do nothing else."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.too_wide = False
        self.deployed_version = ""

    def start(self, launch: Session) -> None:
        run = self._run
        if run.target.self_inspection:
            run.call(lambda: enter_for_inspection(run.vendor, run.target, launch), self._entered, SESSION)

    def _entered(self, answer: Answer) -> None:
        run = self._run
        if isinstance(answer.failure, Refused):
            return  # the chain reports that the role cannot be entered, and why
        if answer.failure:
            run.failed(SESSION, findings.judge_failure(answer.failure), answer, blocks_verdict=False)
            self._simulated_nothing()
            return
        session: Session = answer.value
        run.receipts.append(session.receipt)

        def iam() -> Any:
            return run.vendor.clients.with_session("iam", run.settings.region, session.credentials)

        name = run.target.role_name
        run.call(lambda: inspection.read_role(iam(), name), self._role_read, ROLE)
        run.call(lambda: inspection.read_policies(iam(), name), self._policies_read, POLICIES)
        if self._unprovable:
            actions = sorted(self._unprovable)
            region = run.target.regions[0] if run.target.regions else run.settings.region
            run.call(lambda: inspection.simulate(iam(), run.role_arn, actions, region), self._simulated, PERMISSION)

    # The role and its trust policy

    def _role_read(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            run.failed(ROLE, findings.judge_probe_failure(answer.failure), answer, blocks_verdict=False)
            return
        role: RoleSelf = answer.value
        self.deployed_version = role.tags.get(run.target.version_tag_key, "")
        self._lint(role, answer)
        drift = self._drift(role)
        for verdict in drift:
            run.failed(ROLE, verdict, answer)
        if not drift:
            run.passed(ROLE, "The role's settings are as the template says", answer)

    def _lint(self, role: RoleSelf, answer: Answer) -> None:
        run = self._run
        problems = lint_trust(
            role.trust_policy,
            principal_arn=run.settings.trusted_principal_arn(run.target.component.id),
            account_root_arn=run.settings.account_root_arn,
            external_ids=(run.target.external_id, *run.target.previous_external_ids),
        )
        for problem in problems:
            self.too_wide = self.too_wide or problem.too_wide
            verdict = Verdict(problem.outcome, problem.cause, Actor.CUSTOMER, problem.title, problem.fix)
            run.failed(TRUST, verdict, answer)
        if not problems:
            run.passed(TRUST, "The trust policy is as the template says", answer)

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
                    f"Set the role's maximum session duration to {longest} seconds, or deploy the current role "
                    "template again.",
                )
            )
        wanted = self._run.target.boundary_arn
        if wanted and role.boundary_arn != wanted:
            found.append(
                Verdict(
                    Outcome.VIOLATED,
                    "boundary_lost",
                    Actor.CUSTOMER,
                    "The role does not have the permissions boundary you chose",
                    f"Put the permissions boundary {wanted} on the role, or deploy the current role template again.",
                )
            )
        return found

    # What is attached

    def _policies_read(self, answer: Answer) -> None:
        run = self._run
        if answer.failure:
            run.failed(POLICIES, findings.judge_probe_failure(answer.failure), answer, blocks_verdict=False)
            return
        extra = inspection.more_than_asked(answer.value, run.target.component, run.target.role_name)
        if not extra:
            run.passed(POLICIES, "Nothing is attached to the role but what we asked for", answer)
            return
        verdict = Verdict(
            Outcome.VIOLATED,
            "more_than_asked",
            Actor.CUSTOMER,
            "More is attached to the role than we asked for",
            "Take it away from the role, unless you put it there on purpose: we do not need it.",
        )
        run.failed(POLICIES, verdict, answer, detail="\n".join(extra))

    # Permissions that no probe can prove

    @property
    def _unprovable(self) -> set[str]:
        return {permission.action for permission in self._run.target.component.permissions if permission.probe is None}

    def _simulated(self, answer: Answer) -> None:
        if answer.failure:
            self._simulated_nothing()
            return
        simulations: tuple[Simulation, ...] = answer.value
        for simulation in simulations:
            verdict = findings.judge_simulation(simulation)
            if verdict is None:
                self._run.passed(
                    PERMISSION,
                    "Allowed, as AWS's policy simulation says",
                    answer,
                    cause="simulated",
                    action=simulation.action,
                )
            else:
                self._run.failed(PERMISSION, verdict, answer, action=simulation.action)
        self._simulated_nothing(answered={simulation.action for simulation in simulations})

    def _simulated_nothing(self, answered: set[str] | None = None) -> None:
        for action in sorted(self._unprovable - (answered or set())):
            self._run.skipped(PERMISSION, "no_probe", "No harmless call can prove this permission", action=action)
