"""`migrate`, as the owner of the schema: the app's own role may not change a table."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand

from tenants.scope import OWNER


class Command(DjangoCommand):
    """Django's `migrate` with the owner's database role as the default."""

    def add_arguments(self, parser: Any) -> None:
        """Django's arguments; `--database` is the owner's."""
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)
        if OWNER not in settings.DATABASES:
            raise CommandError("DATABASE_OWNER_URL is not set: only the owner of the schema migrates.")
