"""With the database or the cache away, people and programs are told to come again, and get what they ask for then."""

import time

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


@pytest.mark.parametrize(
    ("waited", "status"),
    [(0.5, 200), (5, 503), (59, 503), (4000, 200), (-30, 200)],
    ids=["not long", "too long", "a minute", "a wrong clock", "a clock that is ahead"],
)
def test_what_waited_too_long_for_a_thread_is_told_to_come_again(db, waited, status) -> None:
    answer = Client().get("/accounts/login/", headers={"X-Request-Start": f"t={time.time() - waited:.3f}"})

    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)


@pytest.mark.parametrize("header", ["", "t=soon", "t=1", "1e300", "t=99999999999999999.000", "t=nan"])
def test_a_start_that_is_none_sheds_nothing(db, header) -> None:
    assert Client().get("/accounts/login/", headers={"X-Request-Start": header}).status_code == 200


def test_health_is_answered_however_long_it_waited(db) -> None:
    answer = Client().get("/livez", headers={"X-Request-Start": f"t={time.time() - 20:.3f}"})

    assert answer.status_code == 200


def test_a_fault_of_ours_is_still_a_500(db, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("portal.home.render", broken)

    assert Client(raise_request_exception=False).get("/").status_code == 500
