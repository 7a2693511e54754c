"""`manage.py preflight`: whether this installation can take traffic, for people and for a deployment's script."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.preflight.parts import preflight
from portal.preflight.report import Check, State, exit_status

_WORDS = {State.PASSED: "ok", State.FAILED: "BROKEN", State.UNKNOWN: "UNKNOWN", State.NOT_SET_UP: "not set up"}
_SUMMARY = ("All is well.", "Something is broken.", "It could not be told whether all is well.")


class Command(BaseCommand):
    """Looks at what the installation stands on. Writes nothing but one object in the template bucket."""

    help = (
        "Looks at settings, database, broker, cache, mail, encryption, clock, AWS identity and template bucket, and "
        "says what is wrong and how to mend it. Exit status: 0 all is well, 1 something is broken, 2 it could not be "
        "told."
    )
    requires_system_checks = []  # they are one of the parts, and must not hide the others

    def add_arguments(self, parser: CommandParser) -> None:
        """How to print."""
        parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look, print, and end with the status for a monitor."""
        checks = []
        for check in preflight():
            checks.append(check)
            if not options["json"]:
                self._print(check)
        status = exit_status(checks)
        if options["json"]:
            self.stdout.write(json.dumps({"exit_status": status, "checks": [asdict(one) for one in checks]}, indent=2))
        else:
            self.stdout.write(f"\n{_SUMMARY[status]}")
        if status:
            sys.exit(status)

    def _print(self, check: Check) -> None:
        self.stdout.write(f"{_WORDS[check.state]:11}{check.name:20}{check.message}")
        if check.fix:
            self.stdout.write(f"{'':11}to do: {check.fix}")
