"""What somebody must act on, out of what a verification found; and whose it is that it came to no verdict. Pages and
alerts read it here, so that nobody is woken for what a page calls a customer's.
"""

from collections.abc import Iterable
from typing import TypeVar

from integrations.aws import report
from integrations.aws.checks.chain import TO_A, TO_B, TO_C
from integrations.aws.checks.trust import CONTROL
from integrations.aws.report import Actor, Outcome
from integrations.models import Finding

SomeFinding = TypeVar("SomeFinding", report.Finding, Finding)

PROBLEMS = frozenset({Outcome.DENIED, Outcome.VIOLATED, Outcome.ERROR, Outcome.THROTTLED})
_CHAIN = frozenset({TO_A, TO_B, TO_C})


def problems_among(findings: Iterable[SomeFinding]) -> list[SomeFinding]:
    """The findings that somebody must act on, in their order. Where a component's chain failed, that its trust-test's
    control was refused too says nothing new.
    """
    problems = [finding for finding in findings if finding.outcome in PROBLEMS]
    stopped = {problem.component for problem in problems if problem.check_code in _CHAIN}
    return [problem for problem in problems if problem.check_code != CONTROL or problem.component not in stopped]


def is_ours(problems: Iterable[report.Finding | Finding]) -> bool:
    """Whether it is the vendor's that a verification with these problems came to no verdict: the vendor alone must act,
    or nothing was found that would say why.
    """
    return {problem.who for problem in problems} <= {Actor.VENDOR}
