"""Indexes that are made while everybody works, and made again where that was given up.

Old migrations use this operation: whatever it becomes, it must go on making their indexes.
"""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently as DjangoAddIndexConcurrently


class AddIndexConcurrently(DjangoAddIndexConcurrently):
    """Django's operation, which can be run again. CREATE INDEX CONCURRENTLY is no transaction: where it gives way
    (`migrate` has a lock time-out), PostgreSQL leaves an invalid index that costs every write and answers no query, and
    the next try would find the name taken. So an invalid index of that name is dropped first, and a valid one is what
    was wanted. In a migration with `atomic = False`.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make the index, unless it is there and valid."""
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " WHERE c.relname = %s AND pg_table_is_visible(c.oid)",
                [self.index.name],
            )
            is_valid = cursor.fetchone()
        if is_valid == (True,):
            return
        # Both wait for every transaction that is older. They keep nobody waiting, so there is no hurry.
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), set_config('lock_timeout', '0', false)")
            before, _ = cursor.fetchone()
        try:
            if is_valid is not None:
                model = to_state.apps.get_model(app_label, self.model_name)
                schema_editor.remove_index(model, self.index, concurrently=True)
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            with schema_editor.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
