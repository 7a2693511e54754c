"""Indexes that are made while everybody works."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from django.db import OperationalError, connections, models
from django.db.migrations.state import ModelState, ProjectState

from tenants.indexes import AddIndexConcurrently
from tenants.scope import OWNER
from tests.environment import DATABASE

INDEX = models.Index(fields=["name"], name="tried_by_name")


@pytest.fixture
def state() -> ProjectState:
    fields: dict[str, models.Field] = {
        "id": models.BigAutoField(primary_key=True),
        "name": models.CharField(max_length=20),
    }
    state = ProjectState()
    state.add_model(ModelState("tenants", "Tried", fields, {"db_table": "tenants_tried"}))
    return state


@pytest.fixture
def table(db, state) -> Iterator[None]:
    with connections[OWNER].schema_editor() as editor:
        editor.create_model(state.apps.get_model("tenants", "Tried"))
    yield
    with connections[OWNER].cursor() as cursor:
        cursor.execute("RESET lock_timeout")
        cursor.execute("RESET statement_timeout")
        cursor.execute("DROP TABLE tenants_tried")


def add_index(state: ProjectState) -> None:
    operation = AddIndexConcurrently("tried", INDEX)
    after = state.clone()
    operation.state_forwards("tenants", after)
    with connections[OWNER].schema_editor(atomic=False) as editor:
        operation.database_forwards("tenants", editor, state, after)


def give_way(database, state: ProjectState) -> None:
    """Somebody's transaction stays open for longer than a statement of `migrate` may take: the index is given up."""
    with psycopg.connect(database.url(DATABASE)) as somebody:
        somebody.execute("INSERT INTO tenants_tried (name) VALUES ('one')")
        with connections[OWNER].cursor() as cursor:
            cursor.execute("SET statement_timeout = '500ms'")
        with pytest.raises(OperationalError):
            add_index(state)
    with connections[OWNER].cursor() as cursor:
        cursor.execute("RESET statement_timeout")


def validity(database) -> list[bool]:
    with psycopg.connect(database.url(DATABASE)) as superuser:
        return [row[0] for row in superuser.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('tried_by_name')"
        )]  # fmt: skip


def test_an_invalid_index_that_giving_way_left_is_made_anew(db, table, state) -> None:
    give_way(db, state)
    assert validity(db) == [False]

    add_index(state)

    assert validity(db) == [True]


def test_an_index_waits_for_a_transaction_that_is_older_and_keeps_nobody_waiting(db, table, state) -> None:
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")

    with psycopg.connect(db.url(DATABASE)) as somebody:
        somebody.execute("INSERT INTO tenants_tried (name) VALUES ('one')")
        later = threading.Timer(1, somebody.commit)
        later.start()
        add_index(state)
        later.join()

    assert validity(db) == [True]
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("100ms",), "what the migration has set holds again"


def test_an_index_that_is_there_is_made_no_second_time(db, table, state) -> None:
    add_index(state)

    add_index(state)

    assert validity(db) == [True]
