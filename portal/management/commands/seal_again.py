"""`manage.py seal_again`: the step of a change of SECRET_KEY after which the earlier key is no longer needed."""

from getpass import getuser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.actions.hand_off_links import LONGEST_DAYS
from tenants.actions.sealed_values import Outcome, seal_again
from tenants.audit import Actor

SHOWN = 200  # rows of a table that no key reads; with a wrong key that is every row


class Command(BaseCommand):
    """Seals every stored secret with SECRET_KEY, and says whether SECRET_KEY_FALLBACKS may go."""

    help = (
        "Seals every stored secret again with SECRET_KEY that was sealed with one of SECRET_KEY_FALLBACKS, of all "
        "tenants, while everything runs. Exit status: 0 all is sealed with SECRET_KEY, 1 something is not."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seal, print what was done, and say what comes next."""
        outcomes = seal_again(by=Actor("system", "", f"manage.py, {getuser()}"))
        for outcome in outcomes:
            self._print(outcome)
        if any(outcome.unreadable for outcome in outcomes):
            raise CommandError(
                "The rows above were sealed with a key that is neither SECRET_KEY nor in SECRET_KEY_FALLBACKS. Add "
                "that key to SECRET_KEY_FALLBACKS and run this again. Take none out. docs/security/keys.md says what "
                "to do where the key is lost."
            )
        if any(outcome.changed for outcome in outcomes):
            raise CommandError("Some rows changed meanwhile and keep what they hold. Run this again.")
        self._say_what_comes_next(any(outcome.earlier for outcome in outcomes))

    def _print(self, outcome: Outcome) -> None:
        self.stdout.write(
            f"{outcome.table}: {outcome.earlier} sealed again, {outcome.present} were sealed with SECRET_KEY already, "
            f"{outcome.changed} changed meanwhile, {len(outcome.unreadable)} cannot be read with any key"
        )
        for row_id in outcome.unreadable[:SHOWN]:
            self.stdout.write(f"  cannot be read: {outcome.table} {row_id}")
        if len(outcome.unreadable) > SHOWN:
            self.stdout.write(f"  … and {len(outcome.unreadable) - SHOWN} more.")

    def _say_what_comes_next(self, sealed_again: bool) -> None:
        if sealed_again:
            self.stdout.write(
                "\nEverything stored is sealed with SECRET_KEY. Run this once more when no process runs with the "
                "earlier key as its SECRET_KEY: when it has nothing to do, SECRET_KEY_FALLBACKS may go."
            )
            return
        self.stdout.write("\nNothing to do: everything stored is sealed with SECRET_KEY.")
        if settings.SECRET_KEY_FALLBACKS:
            self.stdout.write(
                "If no process runs with the earlier key as its SECRET_KEY, SECRET_KEY_FALLBACKS may be taken out of "
                f"the settings: at once where the key leaked, else {LONGEST_DAYS} days after the change, since "
                "hand-off links from before it end with the earlier key. docs/security/keys.md lists what else does."
            )
