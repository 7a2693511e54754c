"""One check of a verification as the pages show it, and the codes of those that have a place of their own there."""

from dataclasses import dataclass

from integrations.models import Finding
from integrations.readers_language import in_readers_language

ENTER_A = "chain.base_to_component"
ENTER_B = "chain.component_to_integration"
ENTER_C = "chain.integration_to_customer"
CONTROL = "trust.control"
CANARY = "trust.canary"
CANARY_CONTROL = "trust.canary_control"
ACCOUNT = "account.matches"
PERMISSION = "permission"
REMOVAL_CONTROL = "removal.control"
REMOVAL_REFUSED = "removal.refused"
LEAST_PRIVILEGE = "least_privilege"
# What a role tells of itself, where the customer lets it, stands with what it is about.
ABOUT_GRANTS = frozenset({LEAST_PRIVILEGE, "inspection.policies", "inspection.role"})


@dataclass(frozen=True)
class Check:
    """One check as a row or a hop."""

    key: str
    name: str
    state: str
    finding: Finding | None = None

    @property
    def title(self) -> str:
        """What was found, in words; nothing while nothing was."""
        return in_readers_language(self.finding.title) if self.finding else ""


class CheckList(tuple[Check, ...]):
    """The checks that answer one question."""

    @property
    def passed(self) -> int:
        """How many passed."""
        return sum(check.state == Finding.Outcome.PASSED for check in self)

    @property
    def wants_a_look(self) -> bool:
        """Whether one of them found something, or came to nothing where it should not have."""
        settled = {Finding.Outcome.PASSED, Finding.Outcome.NOT_APPLICABLE, Finding.Outcome.SKIPPED}
        return any(check.state not in settled for check in self)
