"""`manage.py vendor_import FILE.csv`: take over customers who were connected before there was a portal."""

from getpass import getuser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.actions.vendor_import import MOST_BYTES, ImportRefused, vendor_import
from tenants.audit import Actor

SHOWN = 200  # problems that are printed; more lines are seldom read


class Command(BaseCommand):
    """Import connections from a CSV file, all of its lines or none."""

    help = (
        "Imports connections of customers from before the portal. The file has the columns tenant (customer number, "
        "reference or id), account, role_arn, external_id and, if wanted, components. All lines or none; what was "
        "imported before is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and whether to try only."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")

    def handle(self, *_args: Any, file: Path, dry_run: bool, **_options: Any) -> None:
        """Import, or say everything that keeps the file from it."""
        try:
            with file.open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        try:
            done = vendor_import(content=content, by=Actor("system", "", f"manage.py, {getuser()}"), dry_run=dry_run)
        except ImportRefused as refusal:
            shown = [str(problem) for problem in refusal.problems[:SHOWN]]
            if len(refusal.problems) > SHOWN:
                shown.append(f"… and {len(refusal.problems) - SHOWN} more.")
            raise CommandError("\n".join([*shown, "Nothing was imported."])) from refusal
        self.stdout.write(
            f"{done.made} connections are imported, {done.there_already} were there already."
            if not dry_run
            else f"{done.made} connections would be imported, {done.there_already} are there already. "
            "Nothing was changed."
        )
