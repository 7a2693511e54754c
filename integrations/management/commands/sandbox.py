"""`manage.py sandbox`: the local AWS that enforces IAM."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.sandbox.options import add_options, run_options


class Command(BaseCommand):
    """Runs the sandbox until it is stopped."""

    help = "Runs a local AWS that enforces IAM. It is not AWS."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the sandbox's options."""
        add_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until stopped."""
        run_options(argparse.Namespace(**options))
