"""`migrate`, as the owner of the schema: the app's own role may not change a table."""

import sys
import time
from typing import Any, Self

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from tenants.scope import OWNER

# While a migration waits for a table, everybody who wants that table waits behind it: web and worker stand still.
# Shorter than PostgreSQL's `deadlock_timeout` of a second: where it and somebody at work wait for each other, it is the
# migration that gives way, and not they. That holds as long as a migration waits for all that it wants in that time,
# and for nothing afterwards: so it begins with all tables.
LOCK_TIMEOUT = "800ms"
# Before that: an autovacuum stands in the way of every migration, for minutes on a large table. PostgreSQL ends it for
# whoever has waited for `deadlock_timeout`, so a migration first waits for it, in a lock that keeps nobody from reading
# or writing.
AUTOVACUUM_TIMEOUT = "5s"
# On a busy machine both times are up at once, and PostgreSQL may end either of the two: then it is no other case.
GIVES_WAY = (LockNotAvailable, DeadlockDetected)
ATTEMPTS = 12
PAUSE = 3  # seconds, in which those who waited get on
# A migration is no place to rewrite a large table: that is done in batches by a task.
STATEMENT_TIMEOUT = "15min"


class TablesFirst(DatabaseSchemaEditor):
    """Begins a transaction with every table of ours, or gives way."""

    def __enter__(self) -> Self:
        """Open the transaction.

        Raises:
            OperationalError: from LockNotAvailable, since a table was in use; nothing is open.
        """
        super().__enter__()
        if self.atomic_migration:
            try:
                self._take_tables()
            except BaseException:
                self.atomic.__exit__(*sys.exc_info())
                raise
        return self

    def _take_tables(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
                " AND relowner = current_user::regrole ORDER BY relname"
            )
            tables = [sql.Identifier(name) for (name,) in cursor.fetchall()]
            if not tables:
                return
            all_tables = sql.SQL(", ").join(tables)
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [AUTOVACUUM_TIMEOUT])
            cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(all_tables))
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
            # `lock_timeout` is for each table anew; this is for all of them.
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [LOCK_TIMEOUT])
            try:
                cursor.execute(sql.SQL("LOCK TABLE {}").format(all_tables))
            except OperationalError as error:
                if isinstance(error.__cause__, QueryCanceled):
                    raise OperationalError("A table was in use.") from LockNotAvailable()
                raise
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT])


class Command(DjangoCommand):
    """Django's `migrate` with the owner's database role as the default, which gives way to those who work."""

    def add_arguments(self, parser: Any) -> None:
        """Django's arguments; `--database` is the owner's."""
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)
        if OWNER not in settings.DATABASES:
            raise CommandError("DATABASE_OWNER_URL is not set: only the owner of the schema migrates.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. Each migration is one transaction: where it gives way it is undone, and tried again."""
        connection = connections[options["database"]]
        connection.SchemaEditorClass = TablesFirst
        left, applied = ATTEMPTS, _applied(connection)
        while True:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
                cursor.execute("SELECT set_config('statement_timeout', %s, false)", [STATEMENT_TIMEOUT])
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if isinstance(error.__cause__, QueryCanceled):
                    raise CommandError(f"A statement took longer than {STATEMENT_TIMEOUT}; it is undone.") from error
                if not isinstance(error.__cause__, GIVES_WAY):
                    raise
                # Each migration has its own attempts: an update of many is no reason to give up.
                applied, before = _applied(connection), applied
                left = (ATTEMPTS if applied > before else left) - 1
                if not left:
                    raise CommandError(
                        f"A table was in use for longer than {LOCK_TIMEOUT}, {ATTEMPTS} times. The migration gave way "
                        "and is undone; nothing is half done. Run it again, at a quieter time, or look in "
                        "pg_stat_activity for a transaction that stays open, as a backup's by pg_dump does."
                    ) from error
                self.stdout.write(f"\n  A table is in use. Giving way for {PAUSE} s …")
                time.sleep(PAUSE)
            else:
                return


def _applied(connection: BaseDatabaseWrapper) -> int:
    return len(MigrationRecorder(connection).applied_migrations())
