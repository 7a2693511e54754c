"""`manage.py catalogue_schema`: the JSON schema of the catalogue file."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.catalogue import catalogue_schema


class Command(BaseCommand):
    """Prints the JSON schema of the catalogue file, or writes it."""

    help = "Prints the JSON schema of the catalogue file; docs/reference/catalogue.schema.json is this."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to write it."""
        parser.add_argument("--output", type=Path, help="a file to write instead of printing")

    def handle(self, *_args: Any, output: Path | None, **_options: Any) -> None:
        """Print or write."""
        text = json.dumps(catalogue_schema(), indent=2) + "\n"
        if output is None:
            self.stdout.write(text, ending="")
        else:
            output.write_text(text, encoding="utf-8")
