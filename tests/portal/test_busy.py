"""With the database or the cache away, people and programs are told to come again, and get what they ask for then."""

import pytest
from django.db import connections
from django.test import Client

from portal.local.services import free_port


@pytest.fixture
def database_away(db):
    """The app's role finds no server."""
    where = connections["default"].settings_dict
    before = where["HOST"], where["PORT"]

    def drop() -> None:
        connections["default"].close()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # of the backend with a pool

    drop()
    where["HOST"], where["PORT"] = "127.0.0.1", str(free_port())
    yield
    drop()
    where["HOST"], where["PORT"] = before


@pytest.mark.parametrize(("address", "kind"), [("/accounts/login/", "text/html"), ("/api/v1/connections/", "problem")])
def test_a_database_that_is_away_is_a_503_that_says_when_to_come_again(database_away, address, kind) -> None:
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "a" * 32

    answer = client.get(address, headers={"authorization": "Bearer rbt_" + "a" * 43})

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert kind in answer["Content-Type"]
    assert b"Nothing was changed" in answer.content


def test_a_fault_of_ours_is_still_a_500(db, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("portal.home.render", broken)

    assert Client(raise_request_exception=False).get("/").status_code == 500
