"""Is every permission of the component there? One live probe for each, in each region asked for."""

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.checks.run import Answer, Run
from integrations.aws.probes import run_probe
from integrations.aws.report import Outcome
from integrations.catalogue import Permission, Probe

PERMISSION = "permission"


class PermissionChecks:
    """The probes of one role."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._started = False

    def start(self, customer: Session) -> None:
        self._started = True
        run = self._run
        for region in run.target.regions or (run.settings.region,):
            for permission in run.target.component.permissions:
                if permission.probe is None:
                    self._unprovable(permission, region)
                else:
                    self._probe(permission, permission.probe, customer, region)

    def _unprovable(self, permission: Permission, region: str) -> None:
        if self._run.target.self_inspection:
            return  # the role's own simulation answers for it
        self._run.skipped(
            PERMISSION,
            "no_probe",
            "No harmless call can prove this permission",
            action=permission.action,
            region=region,
        )

    def _probe(self, permission: Permission, probe: Probe, customer: Session, region: str) -> None:
        self._run.call(
            lambda: run_probe(self._run.vendor, customer, probe, region),
            lambda answer: self._answered(permission, region, answer),
            PERMISSION,
            permission.action,
            region,
        )

    def _answered(self, permission: Permission, region: str, answer: Answer) -> None:
        if answer.failure is None:
            self._run.passed(
                PERMISSION, "Allowed", answer, request_id=answer.value, action=permission.action, region=region
            )
            return
        verdict = findings.judge_probe_failure(answer.failure)
        self._run.failed(PERMISSION, verdict, answer, action=permission.action, region=region)

    @property
    def ok(self) -> bool | None:
        """None where nothing is known to be missing, but not everything is known to be there."""
        if not self._started:
            return None
        outcomes = {finding.outcome for finding in self._run.findings if finding.check == PERMISSION}
        if Outcome.DENIED in outcomes:
            return False
        return None if outcomes & {Outcome.ERROR, Outcome.THROTTLED} else True
