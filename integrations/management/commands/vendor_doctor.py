"""`manage.py vendor_doctor`: prove the vendor's own side, for people and for a monitor."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.actions.vendor_examinations import as_json, examine_now
from integrations.aws.vendor_doctor import Check, Examination, Proof, State

_WORDS = {State.PASSED: "ok", State.FAILED: "BROKEN", State.UNKNOWN: "UNKNOWN"}
_SUMMARY = {
    State.PASSED: "All is well.",
    State.FAILED: "Something is broken.",
    State.UNKNOWN: "It could not be told whether all is well.",
}


class Command(BaseCommand):
    """Proves base → A → B → a stand-in for C for each component, and that what must be refused is refused."""

    help = (
        "Proves the vendor's own side through AWS. Exit status: 0 all is well, 1 something is broken, "
        "2 it could not be told."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How to print, what to compare with, and how long to try."""
        parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
        parser.add_argument("--expect-role-id", default="", help="the integration role's unique id, as you know it")
        parser.add_argument("--timeout", type=float, default=120, help="seconds after which no further call is made")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Examine, print, and end with the status for a monitor."""
        examination = examine_now(remembered_role_id=options["expect_role_id"], deadline_seconds=options["timeout"])
        if options["json"]:
            self.stdout.write(json.dumps(as_json(examination), indent=2))
        else:
            self._print(examination)
        if examination.exit_status:
            sys.exit(examination.exit_status)

    def _print(self, examination: Examination) -> None:
        write = self.stdout.write
        write(f"Account {examination.account_id}, region {examination.region}, chain {examination.chain}")
        if examination.integration_role_id:
            write(f"Unique id of the integration role: {examination.integration_role_id}")
        for check in examination.checks:
            write(_line(check))
            if check.state is not State.PASSED:
                write(f"{'':9}to do: {check.fix}")
                if check.detail:
                    write(f"{'':9}AWS:   {check.detail}")
        write("")
        for meter in examination.meters:
            write(f"{meter.used:>7} of {meter.limit:>5} {meter.unit:11}{meter.about:20}{meter.name.replace('_', ' ')}")
        write(f"\n{_SUMMARY[examination.state]} ({examination.seconds} s)")


def _line(check: Check) -> str:
    read = " (read)" if check.proof is Proof.READ else ""
    return f"{_WORDS[check.state]:9}{check.about:20}{check.title}{read}"
