"""Is every permission of the component there? One live probe for each, in each region that the customer allows.

A probe that passes is reported as it lands. A refusal waits for the same action's other regions, so that a policy which
blocks some of them is told from one that blocks all, and for what the role says of itself where it may.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.checks.inspection import InspectionChecks
from integrations.aws.checks.renewal import Renewable
from integrations.aws.checks.run import Answer, Run
from integrations.aws.errors import Refused
from integrations.aws.inspection import Question, Simulation
from integrations.aws.narrowing import Narrowing
from integrations.aws.probes import run_probe
from integrations.aws.report import Actor, Outcome
from integrations.aws.verdicts import LATER, Verdict
from integrations.aws.words import gettext_noop
from integrations.catalogue import Permission, Probe, version_numbers

PERMISSION = "permission"
REGION = "permission.region"

_NOT_ALLOWED = Verdict(
    Outcome.NOT_APPLICABLE,
    "region_not_allowed",
    Actor.NOBODY,
    gettext_noop("You did not allow this region, so nothing was tried there"),
    gettext_noop("There is nothing to do."),
)

_NOT_SIMULATED = Verdict(
    Outcome.ERROR,
    "simulation_unanswered",
    Actor.NOBODY,
    gettext_noop("AWS's policy simulation gave no answer about this permission, and no harmless call can prove it"),
    LATER,
)


# What AWS says where the role's own policies lack an action; not every service names its reason.
_LACKING = frozenset({"missing_permission", "refused_without_reason", "refused_with_encoded_reason"})


@dataclass(frozen=True)
class _Refusal:
    """A refused probe, kept until it can be judged."""

    permission: Permission
    region: str
    answer: Answer


class PermissionChecks:
    """The probes of one role."""

    def __init__(self, run: Run, inspection: InspectionChecks) -> None:
        self._run = run
        self._inspection = inspection
        self._started = False
        self._narrowing: Narrowing | None = None
        self._unanswered: set[tuple[str, str]] = set()
        self._passed: set[tuple[str, str]] = set()
        self._refused: list[_Refusal] = []
        self._lacking: set[str] = set()
        self._was_cut_off = False

    def start(self, customer: Renewable[Session]) -> None:
        self._started = True
        self._narrowing = customer.held.narrowing
        run = self._run
        if run.settings.region not in run.regions:
            run.tell(findings.finding(REGION, run.target.component.id, _NOT_ALLOWED, region=run.settings.region))
        for region in run.regions:
            for permission in run.target.component.permissions:
                if permission.probe is None:
                    self._simulate(permission, region)
                else:
                    self._probe(permission, permission.probe, customer, region)

    # Permissions that no probe can prove

    def _simulate(self, permission: Permission, region: str) -> None:
        question = Question.about(permission, self._run.target.role_arn(self._run.settings), region)
        self._inspection.ask([question], lambda answers: self._simulated(permission, region, answers.get(question)))

    def _simulated(self, permission: Permission, region: str, simulation: Simulation | None) -> None:
        where: dict[str, Any] = {"action": permission.action, "region": region}
        if simulation is None:
            self._not_simulated(where)
            return
        told = f"The simulation was not told: {', '.join(simulation.not_told)}." if simulation.not_told else ""
        verdict = findings.judge_simulation(simulation)
        if verdict is None:
            self._run.passed(
                PERMISSION,
                gettext_noop("Allowed, as AWS's policy simulation says"),
                Answer.none(),
                cause="simulated",
                detail=told,
                **where,
            )
        elif simulation.not_told:
            self._run.skipped(
                PERMISSION,
                "simulation_inconclusive",
                gettext_noop("AWS's policy simulation cannot say whether this is allowed"),
                detail=told,
                **where,
            )
        else:
            verdict = findings.explain_refusal(verdict, permission, deployed_version=self.deployed_version)
            self._run.failed(PERMISSION, verdict, Answer.none(), detail=_decided_by(simulation), **where)

    def _not_simulated(self, where: dict[str, Any]) -> None:
        """A simulation that could be asked and did not answer leaves open what the role lacks."""
        if self._inspection.refuses:
            self._run.skipped(
                PERMISSION,
                "no_probe",
                gettext_noop("No harmless call can prove this permission"),
                fix=gettext_noop(
                    "There is nothing to do. Where the role may read itself (self-inspection, an option of the role "
                    "template), AWS's policy simulation says whether it has this permission."
                ),
                **where,
            )
        else:
            self._run.failed(PERMISSION, _NOT_SIMULATED, Answer.none(), **where)

    # Permissions with a probe

    def _probe(self, permission: Permission, probe: Probe, customer: Renewable[Session], region: str) -> None:
        self._unanswered.add((permission.action, region))
        self._run.call(
            lambda: customer.use(lambda session: run_probe(self._run.vendor, session, probe, region)),
            lambda answer: self._answered(permission, region, answer),
            PERMISSION,
            permission.action,
            region,
        )

    def _answered(self, permission: Permission, region: str, answer: Answer) -> None:
        run = self._run
        where: dict[str, Any] = {"action": permission.action, "region": region}
        self._unanswered.discard((permission.action, region))
        if answer.failure is None:
            self._passed.add((permission.action, region))
            run.passed(PERMISSION, gettext_noop("Allowed"), answer, request_id=answer.value, **where)
        elif isinstance(answer.failure, Refused):
            self._refused.append(_Refusal(permission, region, answer))
        else:
            run.failed(PERMISSION, findings.judge_probe_failure(answer.failure), answer, **where)
        self._judge_what_is_complete()

    def _judge_what_is_complete(self) -> None:
        """Where the role tells of itself, it is asked once, about all that was refused. Where it may be of an older
        version, which of the permissions it lacks says of which.
        """
        if self._run.target.self_inspection or self._run.target.older_versions:
            complete = [] if self._unanswered else list(self._refused)
        else:
            open_actions = {action for action, _ in self._unanswered}
            complete = [refusal for refusal in self._refused if refusal.permission.action not in open_actions]
        if not complete:
            return
        self._lacking |= {refusal.permission.action for refusal in complete if self._may_be_lacking(refusal)}
        self._refused = [refusal for refusal in self._refused if refusal not in complete]
        questions = [self._question(refusal) for refusal in complete]
        self._inspection.ask(questions, lambda answers: self._explained(complete, answers))

    def _question(self, refusal: _Refusal) -> Question:
        return Question.about(refusal.permission, self._run.target.role_arn(self._run.settings), refusal.region)

    def _explained(self, refusals: list[_Refusal], answers: Mapping[Question, Simulation]) -> None:
        for refusal in refusals:
            self._judge(refusal, answers.get(self._question(refusal)))

    def _judge(self, refusal: _Refusal, simulation: Simulation | None) -> None:
        run = self._run
        failure = refusal.answer.failure
        if failure is None:
            return
        asked = [permission.action for permission in run.target.component.permissions]
        verdict = findings.explain_refusal(
            findings.judge_probe_failure(failure, asked, self._narrowing),
            refusal.permission,
            simulation=simulation,
            deployed_version=self.deployed_version,
        )
        if verdict.cause == "blocked_by_organisation":
            verdict = self._name_regions(verdict, refusal)
        explained = _decided_by(simulation) if simulation is not None and simulation.decision != "allowed" else ""
        # A fault of ours is told without our own names.
        said = "" if verdict.who is Actor.VENDOR else "\n".join(filter(None, (failure.text, explained)))
        run.failed(
            PERMISSION,
            verdict,
            refusal.answer,
            action=refusal.permission.action,
            region=refusal.region,
            detail=said,
        )

    def _name_regions(self, verdict: Verdict, refusal: _Refusal) -> Verdict:
        """Where the organisation blocks only some of the regions, say which."""
        if not any(action == refusal.permission.action for action, _ in self._passed):
            return verdict
        region = refusal.region
        return replace(
            verdict,
            title=f"{verdict.title} in {region}",
            fix=f"{verdict.fix} It is blocked in {region} and allowed elsewhere: if you do not use {region}, leave it "
            "out of the regions you allow.",
        )

    def close(self) -> None:
        """Judge the refusals whose other regions, or whose explanation, never came."""
        self._was_cut_off = bool(self._unanswered)
        self._unanswered.clear()
        self._judge_what_is_complete()

    # The version that the role was made for

    def _may_be_lacking(self, refusal: _Refusal) -> bool:
        """Whether it may have been refused because the role's policies do not hold it."""
        failure = refusal.answer.failure
        return failure is not None and findings.judge_probe_failure(failure, (), self._narrowing).cause in _LACKING

    @property
    def deployed_version(self) -> str:
        """As the role's tag says, or else as its permissions show; empty where neither does."""
        return self._inspection.deployed_version or self._shown_version()

    def _shown_version(self) -> str:
        """The newest version whose permissions the role has, and of whose successors it has nothing.

        A role that lacks something else than a newer version's permissions is not outdated but at fault, and so is one
        that was seen to have them before.
        """
        target = self._run.target
        if not self._started or self._was_cut_off or self._unanswered:
            return ""
        probed = [permission for permission in target.component.permissions if permission.probe]
        passed = {action for action, _ in self._passed}
        if not self._lacking:
            return target.component.version if {permission.action for permission in probed} <= passed else ""
        known = version_numbers(target.known_version) if target.known_version else (0, 0, 0)
        for version in sorted(target.older_versions, key=version_numbers, reverse=True):
            newer = {permission.action for permission in probed if permission.is_newer_than(version)}
            if version_numbers(version) >= known and newer == self._lacking and not newer & passed:
                return version
        return ""

    @property
    def ok(self) -> bool | None:
        """None where nothing is known to be missing, but not everything is known to be there.

        Where not one permission was proved, since no region has the services or no harmless call exists, nothing is
        known to be there.
        """
        if not self._started:
            return None
        outcomes = {finding.outcome for finding in self._run.findings if finding.check == PERMISSION}
        if Outcome.DENIED in outcomes:
            return False
        if Outcome.PASSED not in outcomes:
            return None
        return None if outcomes & {Outcome.ERROR, Outcome.THROTTLED} else True


def _decided_by(simulation: Simulation) -> str:
    if not simulation.decided_by:
        return ""
    return f"As AWS's policy simulation says, it was decided by: {', '.join(simulation.decided_by)}."
