"""Of the cache nothing is unpickled that we have not written."""

import pickle
from pathlib import Path

import pytest
import redis
from django.conf import settings as configured
from django.core.cache import cache


class Harmful:
    """Runs where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.mark,))


@pytest.fixture
def server(broker):
    with redis.Redis.from_url(str(configured.CACHES["default"]["LOCATION"])) as client:
        yield client


@pytest.mark.parametrize("value", [1, -1, 0, "words", "7", "x" * 32, True, None, [1.25, 2.5], {"a": [None]}, b"\x00"])
def test_what_was_kept_is_read_again(broker, value) -> None:
    cache.set("kept", value, timeout=10)

    assert cache.get("kept", "away") == value
    assert type(cache.get("kept", "away")) is type(value)


def test_many_are_read_at_once_without_what_somebody_else_wrote(server) -> None:
    cache.set_many({"one": 1, "two": "words"}, timeout=10)
    server.set(cache.make_key("three"), bytes(32) + b"junk", ex=10)
    server.set(cache.make_key("four"), b"9" * 5000, ex=10)

    assert cache.get_many(["one", "two", "three", "four", "five"]) == {"one": 1, "two": "words"}


def test_numbers_are_counted_by_the_server(broker) -> None:
    cache.set("counted", 1, timeout=10)

    assert cache.incr("counted") == 2


@pytest.mark.parametrize("signature", [b"", bytes(32)], ids=["a plain pickle", "a made-up signature"])
def test_what_somebody_else_wrote_does_not_run_and_is_not_there(server, tmp_path, signature) -> None:
    mark = tmp_path / "it-ran"
    server.set(cache.make_key("kept"), signature + pickle.dumps(Harmful(mark)), ex=10)

    assert cache.get("kept", "away") == "away"
    assert not mark.exists()
    pickle.loads(pickle.dumps(Harmful(mark)))
    assert mark.exists(), "it would have run"


def test_a_changed_secret_key_is_one_miss_or_none(broker, settings) -> None:
    before = settings.SECRET_KEY
    cache.set("kept", "words", timeout=10)

    settings.SECRET_KEY = "another-secret-key"
    without = cache.get("kept", "away")
    settings.SECRET_KEY_FALLBACKS = [before]

    assert without == "away"
    assert cache.get("kept", "away") == "words"
