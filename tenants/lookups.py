"""Look-ups of our own, for queries."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup
from django.db.models.sql.compiler import SQLCompiler


@CharField.register_lookup
class HasPart(Lookup):
    """Whether a text holds another one, in any case: `name__has_part`. It finds what `icontains` finds.

    Under row-level security PostgreSQL judges `LIKE '%…%'` without statistics, since LIKE is not leakproof: it takes
    for granted that hardly any row fits, so it reads and sorts all the rows of a tenant. Of `strpos` it believes that a
    third fits, and reads the rows in the order of the list's index until the page is full.
    """

    lookup_name = "has_part"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """The condition, and its parameters."""
        text, of_text = self.process_lhs(compiler, connection)
        part, of_part = self.process_rhs(compiler, connection)
        return f"STRPOS(UPPER({text}), UPPER({part})) > 0", (*of_text, *of_part)
