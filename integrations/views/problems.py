"""What somebody must act on, out of a verification's findings: where it stopped, who must act, and the fix."""

from collections.abc import Iterable
from dataclasses import dataclass

from integrations.actions.messages import Remedy, remedy_of
from integrations.models import Connection, Finding
from integrations.problems import problems_among
from integrations.views.checks import PERMISSION


@dataclass(frozen=True)
class Problem:
    """What somebody must act on. Checks that fail for one cause, with one thing to do, are one problem."""

    finding: Finding
    state: str
    number: int  # within its component, from 1: the first is what to begin with
    remedy: Remedy
    actions: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """The id of its place on the page, to which the hop where it stopped points."""
        return f"{self.finding.component}-problem-{self.number}"


def problems_of(findings: Iterable[Finding], connection: Connection) -> tuple[Problem, ...]:
    """What to act on of one component, the chain first."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in problems_among(sorted(findings, key=_urgency)):
        one = (finding.action,) if finding.check_code != PERMISSION else ()
        # Whichever checks met it: what reads the same is one thing to do.
        key = (finding.outcome, finding.cause, finding.who, finding.title, finding.fix, *one)
        groups.setdefault(key, []).append(finding)
    return tuple(
        Problem(
            finding=group[0],
            state=str(group[0].outcome),
            number=number,
            remedy=remedy_of(finding=group[0], connection=connection, actions=actions),
            actions=actions,
        )
        for number, group in enumerate(groups.values(), start=1)
        for actions in [tuple(dict.fromkeys(finding.action for finding in group if finding.action))]
    )


def _urgency(finding: Finding) -> tuple[int, str, int]:
    """Sorts the chain before the trust, and both before the rest; else a page would change with what landed first."""
    rank = {"chain": 0, "trust": 1}.get(finding.check_code.partition(".")[0], 2)
    return rank, finding.check_code, finding.pk
