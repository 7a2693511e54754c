"""The chain picture: what a verification found, arranged hop by hop and check by check, for the templates.

The same picture serves a verification that runs and one that is stored. A check that has not landed is `trying` where
all before it passed, else `waiting`; in a verification that has ended it was never reached (`skipped`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from integrations.actions.external_ids import external_id_at
from integrations.catalogue import Component, UnknownComponent
from integrations.catalogue_file import catalogue
from integrations.models import Connection, CustomerRole, Finding, Status, Verification
from integrations.problems import is_ours
from integrations.readers_language import in_readers_language
from integrations.views.checks import (
    ABOUT_GRANTS,
    ACCOUNT,
    CANARY,
    CANARY_CONTROL,
    CONTROL,
    ENTER_A,
    ENTER_B,
    ENTER_C,
    LEAST_PRIVILEGE,
    PERMISSION,
    REMOVAL_CONTROL,
    REMOVAL_REFUSED,
    Check,
    CheckList,
)
from integrations.views.hops import Hop, hops_of
from integrations.views.problems import Problem, problems_of

State = Verification.State
Outcome = Finding.Outcome


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
    hops: tuple[Hop, ...]
    trust: CheckList
    account: Check  # one of `trust`, except where reachability alone is checked
    permissions: CheckList
    grants: CheckList
    problems: tuple[Problem, ...]
    removal: CheckList  # of a role that is being removed, instead of all the rest

    @property
    def customer_state(self) -> str:
        """The state of the customer role itself: entered as it should be, or open to those it must refuse."""
        opened = any(check.state == Outcome.VIOLATED for check in self.trust if check.key != ACCOUNT)
        return str(Outcome.VIOLATED) if opened else self.enter_customer.state

    @property
    def account_alone(self) -> CheckList:
        """Its account, where no other check stands beside it."""
        return CheckList((self.account,))

    @property
    def enter_component_hop(self) -> Hop:
        """The hop into the component role."""
        return self.hops[0]

    @property
    def enter_integration_hop(self) -> Hop | None:
        """The hop into the integration role; None in the direct chain."""
        return self.hops[1] if self.enter_integration else None

    @property
    def enter_customer_hop(self) -> Hop:
        """The hop into the customer role."""
        return self.hops[-1]

    @property
    def grants_reached(self) -> bool:
        """Whether there is, or can still be, a result for what must be denied."""
        return any(check.state != Outcome.SKIPPED for check in self.grants)

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
    def is_ours(self) -> bool:
        """Whether it is the vendor's, where no verdict was reached."""
        return is_ours(problem.finding for run in self.runs for problem in run.problems)

    @property
    def waits_for_vendor(self) -> bool:
        """Whether the vendor alone must act."""
        return self.problem_count > 0 and self.is_ours


def picture(verification: Verification, connection: Connection) -> Picture:
    """The picture of a verification; the findings are read once, and the connection's roles as they are prefetched."""
    findings = list(verification.findings.all())
    roles = {role.component: role for role in connection.roles.all()}
    # A stored verification speaks of the components it tested, one that has not begun of those that it will test.
    tested = dict.fromkeys(finding.component for finding in findings)
    to_be_tested = [
        component
        for component, role in roles.items()
        if role.status not in {Status.PAUSED, Status.REMOVED} and catalogue().offers(component)
    ]
    wanted = tested if tested and not verification.is_active else tested | dict.fromkeys(to_be_tested)
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
    if run.removal:
        yield from run.removal
        return
    yield run.enter_component
    if run.enter_integration:
        yield run.enter_integration
    yield run.enter_customer
    yield from run.trust or (run.account,)
    yield from run.permissions
    yield from run.grants


@dataclass
class _Arranger:
    verification: Verification
    findings: list[Finding]
    by_check: dict[str, list[Finding]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_check = {}
        for finding in self.findings:
            self.by_check.setdefault(finding.check_code, []).append(finding)

    def run(self, component_id: str, role: CustomerRole | None, connection: Connection) -> ComponentRun:
        component = _component(component_id)
        direct = catalogue().chain == "direct"
        whole = self.verification.checks == Verification.Checks.ALL
        enter_a = self._check(ENTER_A, _("Into the component role"), after=None)
        enter_b = None if direct else self._check(ENTER_B, _("Into the integration role"), after=enter_a)
        enter_c = self._check(ENTER_C, _("Into your role"), after=enter_b or enter_a)
        problems = problems_of(self.findings, connection)
        return ComponentRun(
            component_id=component_id,
            name=component.name if component else component_id,
            role_name=(role or CustomerRole(connection=connection, component=component_id)).name,
            role=role,
            enter_component=enter_a,
            enter_integration=enter_b,
            enter_customer=enter_c,
            trust=CheckList(self._trust(enter_c) if whole else ()),
            account=self._account(enter_c),
            hops=hops_of(
                enter_a,
                enter_b,
                enter_c,
                connection=connection,
                external_id=external_id_at(connection, self.verification.requested_at),
                component_id=component_id,
                problems=problems,
            ),
            permissions=CheckList(self._permissions(component, enter_c) if whole else ()),
            grants=CheckList(self._grants(component, enter_b or enter_a) if whole else ()),
            problems=problems,
            removal=CheckList(self._removal(role)),
        )

    def _removal(self, role: CustomerRole | None) -> tuple[Check, ...]:
        """The two checks of a role that must refuse us; none for a role that is in use."""
        under_way = self.verification.is_active and role is not None and role.status == Status.REMOVING
        if not under_way and not any(code in self.by_check for code in (REMOVAL_CONTROL, REMOVAL_REFUSED)):
            return ()
        control = self._check(REMOVAL_CONTROL, _("The same session enters a role of our own"), after=None)
        return (control, self._check(REMOVAL_REFUSED, _("Your role refuses us"), after=control))

    def _state(self, finding: Finding | None, after: Check | None) -> str:
        if finding:
            return str(finding.outcome)
        if not self.verification.is_active:
            return "skipped"
        if self.verification.state == State.RUNNING and (after is None or after.state == Outcome.PASSED):
            return "trying"
        return "waiting"

    def _check(self, code: str, name: str, *, after: Check | None) -> Check:
        finding = next(iter(self.by_check.get(code, [])), None)
        return Check(key=code, name=name, state=self._state(finding, after), finding=finding)

    def _trust(self, enter_c: Check) -> tuple[Check, ...]:
        checks = [
            self._check(CONTROL, _("With your external ID we get in"), after=None),
            self._check("trust.no_external_id", _("Without any external ID nobody gets in"), after=None),
            self._check("trust.wrong_external_id", _("With a wrong external ID nobody gets in"), after=None),
            self._check(CANARY, _("Even with it no other role of ours gets in"), after=None),
            self._account(enter_c),
        ]
        known = {check.key for check in checks} | {ENTER_A, ENTER_B, ENTER_C, PERMISSION} | ABOUT_GRANTS
        return (*checks, *self._further(code for code in self.by_check if code not in known))

    def _account(self, enter_c: Check) -> Check:
        return self._check(ACCOUNT, _("The role is in the account you named"), after=enter_c)

    def _further(self, codes: Iterable[str]) -> Iterable[Check]:
        """What was found beyond the checks that every verification makes, each by its own words."""
        for code in codes:
            for number, finding in enumerate(self.by_check.get(code, [])):
                if code == CANARY_CONTROL and finding.outcome == Outcome.PASSED:
                    continue  # it only lets the canary's refusal count
                name = in_readers_language(finding.title)
                yield Check(key=f"{code}-{number}", name=name, state=str(finding.outcome), finding=finding)

    def _permissions(self, component: Component | None, enter_c: Check) -> tuple[Check, ...]:
        actions = [permission.action for permission in component.permissions] if component else []
        return tuple(self._by_action(PERMISSION, actions, "{}", enter_c))

    def _grants(self, component: Component | None, launch: Check) -> tuple[Check, ...]:
        actions = [never.action for never in component.never_granted] if component else []
        tried = self._by_action(LEAST_PRIVILEGE, actions, _("{} is refused"), launch)
        return (*tried, *self._further(sorted(ABOUT_GRANTS - {LEAST_PRIVILEGE})))

    def _by_action(self, code: str, actions: Iterable[str], name: str, after: Check) -> Iterable[Check]:
        """A row for each action that is to be tried, and for each that was."""
        landed: dict[str, list[Finding]] = {action: [] for action in actions}
        for finding in self.by_check.get(code, []):
            landed.setdefault(finding.action, []).append(finding)
        for action, findings in landed.items():
            for number, found in enumerate(findings or [None]):
                yield Check(
                    # The first keeps the key that it has while nothing has landed, so that the row turns, not jumps.
                    key=f"{code}-{action}" + (f"-{number}" if number else ""),
                    name=name.format(action) if action else in_readers_language(found.title) if found else "",
                    state=self._state(found, after),
                    finding=found,
                )


def _component(component_id: str) -> Component | None:
    """The component; None where the catalogue has it no more, as a stored verification may remember one."""
    try:
        return catalogue().component(component_id)
    except UnknownComponent:
        return None
