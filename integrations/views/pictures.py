"""The chain picture: what a verification found, arranged hop by hop and check by check, for the templates.

The same picture serves a verification that runs and one that is stored. A check that has not landed is `trying` where
all before it passed, else `waiting`; in a verification that has ended it was never reached (`skipped`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from integrations.catalogue import Component, UnknownComponent
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Finding, Verification

State = Verification.State
Outcome = Finding.Outcome

ENTER_A = "chain.base_to_component"
ENTER_B = "chain.component_to_integration"
ENTER_C = "chain.integration_to_customer"
CONTROL = "trust.control"
ACCOUNT = "account.matches"
PERMISSION = "permission"

PROBLEMS = frozenset({Outcome.DENIED, Outcome.VIOLATED, Outcome.ERROR, Outcome.THROTTLED})


@dataclass(frozen=True)
class Check:
    """One check as a row or a hop."""

    key: str
    name: str
    state: str
    reason: str = ""
    finding: Finding | None = None

    @property
    def title(self) -> str:
        """What was found, in words; nothing while nothing was."""
        return self.finding.title if self.finding else ""


@dataclass(frozen=True)
class Problem:
    """What somebody must act on. Permissions that fail for one cause are one problem."""

    finding: Finding
    state: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComponentRun:
    """The picture of one component."""

    component_id: str
    name: str
    role_name: str
    role: CustomerRole | None
    enter_component: Check
    enter_integration: Check | None  # None in the direct chain, which has no integration role
    enter_customer: Check
    trust: tuple[Check, ...]
    permissions: tuple[Check, ...]
    problems: tuple[Problem, ...]

    @property
    def permissions_reached(self) -> bool:
        """Whether there is, or can still be, a result for the permissions."""
        return self.enter_customer.state in {Outcome.PASSED, "trying", "waiting"}


@dataclass(frozen=True)
class Picture:
    """A verification as the pages draw it."""

    verification: Verification
    connection: Connection
    runs: tuple[ComponentRun, ...]
    checks_done: int
    checks_in_all: int

    @property
    def problem_count(self) -> int:
        """How many problems somebody must act on."""
        return sum(len(run.problems) for run in self.runs)

    @property
    def waits_for_vendor(self) -> bool:
        """Whether the vendor alone must act."""
        who = {problem.finding.who for run in self.runs for problem in run.problems}
        return who == {Finding.Who.VENDOR}


def picture(verification: Verification, connection: Connection) -> Picture:
    """The picture of a verification; the findings are read once, and the connection's roles as they are prefetched."""
    findings = list(verification.findings.all())
    roles = {role.component: role for role in connection.roles.all()}
    # A stored verification speaks of the components it tested, one that has not begun of those that it will test.
    tested = dict.fromkeys(finding.component for finding in findings)
    wanted = tested if tested and not verification.is_active else tested | dict.fromkeys(roles)
    in_order = [component.id for component in catalogue().components if component.id in wanted]
    components = in_order + [component for component in wanted if component not in in_order]
    runs = tuple(
        _Arranger(verification, [f for f in findings if f.component == component]).run(
            component, roles.get(component), connection
        )
        for component in components
    )
    counted = [check for run in runs for check in _all_checks(run)]
    return Picture(
        verification=verification,
        connection=connection,
        runs=runs,
        checks_done=sum(check.finding is not None for check in counted),
        checks_in_all=len(counted),
    )


def _all_checks(run: ComponentRun) -> Iterable[Check]:
    yield run.enter_component
    if run.enter_integration:
        yield run.enter_integration
    yield run.enter_customer
    yield from run.trust
    yield from run.permissions


@dataclass
class _Arranger:
    verification: Verification
    findings: list[Finding]
    by_check: dict[str, Finding] = field(init=False)

    def __post_init__(self) -> None:
        self.by_check = {finding.check_code: finding for finding in self.findings if finding.check_code != PERMISSION}

    def run(self, component_id: str, role: CustomerRole | None, connection: Connection) -> ComponentRun:
        component = _component(component_id)
        direct = catalogue().chain == "direct"
        enter_a = self._check(ENTER_A, _("Into the component role"), after=None)
        enter_b = None if direct else self._check(ENTER_B, _("Into the integration role"), after=enter_a)
        enter_c = self._check(ENTER_C, _("Into your role"), after=enter_b or enter_a)
        return ComponentRun(
            component_id=component_id,
            name=component.name if component else component_id,
            role_name=(role or CustomerRole(connection=connection, component=component_id)).name,
            role=role,
            enter_component=enter_a,
            enter_integration=enter_b,
            enter_customer=enter_c,
            trust=self._trust(enter_c),
            permissions=self._permissions(component, enter_c),
            problems=self._problems(),
        )

    def _state(self, finding: Finding | None, after: Check | None) -> str:
        if finding:
            return str(finding.outcome)
        if not self.verification.is_active:
            return "skipped"
        if self.verification.state == State.RUNNING and (after is None or after.state == Outcome.PASSED):
            return "trying"
        return "waiting"

    def _check(self, code: str, name: str, *, after: Check | None) -> Check:
        finding = self.by_check.get(code)
        return Check(key=code, name=name, state=self._state(finding, after), finding=finding)

    def _trust(self, enter_c: Check) -> tuple[Check, ...]:
        checks = [
            self._check(CONTROL, _("With your external ID we get in"), after=None),
            self._check("trust.no_external_id", _("Without any external ID nobody gets in"), after=None),
            self._check("trust.wrong_external_id", _("With a wrong external ID nobody gets in"), after=None),
            self._check(ACCOUNT, _("The role is in the account you named"), after=enter_c),
        ]
        known = {check.key for check in checks} | {ENTER_A, ENTER_B, ENTER_C}
        checks += [
            Check(key=code, name=finding.title, state=str(finding.outcome), finding=finding)
            for code, finding in self.by_check.items()
            if code not in known
        ]
        return tuple(checks)

    def _permissions(self, component: Component | None, enter_c: Check) -> tuple[Check, ...]:
        reasons = {permission.action: permission.reason for permission in component.permissions} if component else {}
        landed: dict[str, list[Finding]] = {action: [] for action in reasons}
        for finding in self.findings:
            if finding.check_code == PERMISSION:
                landed.setdefault(finding.action, []).append(finding)
        return tuple(
            Check(
                # The first keeps the key that it has while nothing has landed, so that the row turns and does not jump.
                key=f"{PERMISSION}-{action}" + (f"-{number}" if number else ""),
                name=action,
                reason=reasons.get(action, ""),
                state=self._state(found, enter_c),
                finding=found,
            )
            for action, findings in landed.items()
            for number, found in enumerate(findings or [None])
        )

    def _problems(self) -> tuple[Problem, ...]:
        """What to act on, the chain first. That the trust-test's control was refused too says nothing new then."""
        chain_refused = any(
            code in self.by_check and self.by_check[code].outcome in PROBLEMS for code in (ENTER_A, ENTER_B, ENTER_C)
        )
        groups: dict[tuple[str, ...], list[Finding]] = {}
        for finding in sorted(self.findings, key=_urgency):
            if finding.outcome not in PROBLEMS or (finding.check_code == CONTROL and chain_refused):
                continue
            one = (finding.action,) if finding.check_code != PERMISSION else ()
            key = (finding.check_code, finding.outcome, finding.cause, finding.who, finding.title, finding.fix, *one)
            groups.setdefault(key, []).append(finding)
        return tuple(
            Problem(
                finding=findings[0],
                state=str(findings[0].outcome),
                actions=tuple(dict.fromkeys(finding.action for finding in findings if finding.action)),
            )
            for findings in groups.values()
        )


def _urgency(finding: Finding) -> tuple[int, str, int]:
    """Sorts the chain before the trust, and both before the rest; else a page would change with what landed first."""
    rank = {"chain": 0, "trust": 1}.get(finding.check_code.partition(".")[0], 2)
    return rank, finding.check_code, finding.pk


def _component(component_id: str) -> Component | None:
    """The component; None where the catalogue has it no more, as a stored verification may remember one."""
    try:
        return catalogue().component(component_id)
    except UnknownComponent:
        return None
