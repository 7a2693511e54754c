"""The hops of the chain: from where to where each leads, what the call carries, and in words what it proved."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.aws import vendor_policies as tags
from integrations.catalogue_file import catalogue
from integrations.models import Connection, Finding
from integrations.views import checks
from integrations.views.checks import Check
from integrations.views.problems import Problem

Outcome = Finding.Outcome


@dataclass(frozen=True)
class Hop:
    """One AssumeRole call of the chain."""

    check: Check
    start: str  # the letter of the role it starts from; empty for the worker's own identity
    end: str
    carries: tuple[tuple[str, str], ...]  # what stands on the edge: a label and its value
    words: str
    problem: Problem | None

    @property
    def state(self) -> str:
        """The state of its check."""
        return self.check.state


def hops_of(
    enter_a: Check,
    enter_b: Check | None,
    enter_c: Check,
    *,
    connection: Connection,
    external_id: str,
    component_id: str,
    problems: Iterable[Problem],
) -> tuple[Hop, ...]:
    """The hops of one component in their order, each with the first problem that its check found."""
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.finding.check_code, problem)
    session_tags: tuple[tuple[str, str], ...] = ()
    if catalogue().chain == "abac":
        session_tags = (
            (tags.TENANT, connection.tenant.reference),
            (tags.CONNECTION, connection.reference),
            (tags.COMPONENT, component_id),
        )
    ways: list[tuple[Check, str, str, tuple[tuple[str, str], ...]]] = [(enter_a, "", "A", ())]
    if enter_b is not None:
        ways.append((enter_b, "A", "B", session_tags))
    ways.append((enter_c, "B" if enter_b else "A", "C", ((_("external ID"), external_id),)))
    return tuple(
        Hop(check, start, end, carries, _words(check, start), first.get(check.key))
        for check, start, end, carries in ways
    )


def _words(check: Check, start: str) -> str:
    """What the hop proved, or what is known of it so far."""
    if check.state == Outcome.PASSED:
        return _proved(check.key)
    if check.finding is not None:
        return check.title
    if check.state == "trying":
        return _("AWS is being asked.")
    if check.state == "waiting":
        return _("Comes after role %s.") % start if start else _("Comes first.")
    return _("Not tried: the chain ended before it.")


def _proved(code: str) -> str:
    match code:
        case checks.ENTER_A:
            return _("We are who we say: our worker became the role of this one component.")
        case checks.ENTER_B:
            return _(
                "Our component role became the integration role, in a session that can enter the role of this "
                "connection and component and no other."
            )
        case _:
            return _("Your role let that session in, and we brought the external ID.")
