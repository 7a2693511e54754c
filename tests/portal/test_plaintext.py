"""What counts as spoken to in the clear, form by form; `test_settings` proves what follows from it."""

from typing import Any

import pytest

from portal.plaintext import given_to_libpq, in_the_clear

HERE = "127.0.0.1"


def found(
    database: dict[str, Any] | None = None,
    broker: str = f"redis://{HERE}/0",
    cache: str = f"redis://{HERE}/1",
    mail: str = "",
) -> list[str]:
    """The names of the settings in the clear, where all others stay on this machine."""
    libpq = {"host": "", "hostaddr": "", "sslmode": "prefer", "service": ""} | (database or {})
    clear = in_the_clear(databases={"DATABASE_URL": libpq}, broker=broker, cache=cache, mail=mail)
    return [one.setting for one in clear]


@pytest.mark.parametrize(
    "database",
    [
        {},  # libpq's own socket
        {"host": "/var/run/postgresql"},
        {"host": "@rolebridge"},
        {"host": "localhost"},
        {"host": HERE},
        {"host": "127.8.9.10"},
        {"host": "::1"},
        {"host": "/var/run/postgresql,localhost"},
        {"hostaddr": HERE},
        {"host": "db.example", "sslmode": "require"},
        {"host": "db.example", "sslmode": "verify-ca"},
        {"host": "db.example", "sslmode": "verify-full"},
        {"service": "ours", "sslmode": "verify-full"},
    ],
)
def test_a_database_on_this_machine_or_by_tls_is_let_through(database) -> None:
    assert found(database=database) == []


@pytest.mark.parametrize(
    "database",
    [
        {"host": "db.example"},
        {"host": "10.0.0.5", "sslmode": "allow"},
        {"host": "10.0.0.5", "sslmode": "disable"},
        {"host": "fd00::5"},
        {"host": "localhost.example"},
        {"host": "127.0.0.1.example"},
        {"host": "localhost,db.example"},
        {"host": "localhost", "hostaddr": "10.0.0.5"},
        {"service": "ours"},
    ],
)
def test_a_database_over_a_network_is_in_the_clear(database) -> None:
    assert found(database=database) == ["DATABASE_URL"]


def test_what_a_service_file_says_comes_before_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")

    assert found(database=given_to_libpq({"HOST": "", "OPTIONS": {"service": "ours"}})) == ["DATABASE_URL"]
    assert found(database=given_to_libpq({"HOST": "db.example", "OPTIONS": {}})) == []
    assert found(database=given_to_libpq({"HOST": "", "OPTIONS": {"service": "ours", "sslmode": "require"}})) == []


def test_a_mode_that_is_written_twice_counts_as_none() -> None:
    assert found(database={"host": "db.example", "sslmode": ["require", "disable"]}) == ["DATABASE_URL"]


@pytest.mark.parametrize(
    "address",
    [
        "redis://localhost:6379/0",
        "redis://:secret@127.0.0.2/0",
        "redis://[::1]:6379/0",
        "rediss://valkey.example:6379/0?ssl_ca_certs=/etc/ca.pem",
    ],
)
def test_redis_on_this_machine_or_by_tls_is_let_through(address) -> None:
    assert found(broker=address, cache=address) == []


def test_a_socket_is_let_through_as_each_library_writes_it() -> None:
    assert found(broker="redis+socket:///run/valkey.sock", cache="unix:///run/valkey.sock?db=1") == []


@pytest.mark.parametrize(
    "address", ["redis://valkey:6379/0", "redis://10.0.0.5/0", "redis:///0?host=10.0.0.5", "valkey:6379"]
)
def test_redis_over_a_network_is_in_the_clear(address) -> None:
    assert found(broker=address, cache=address) == ["CELERY_BROKER_URL", "CACHE_URL"]


def test_one_of_several_addresses_in_the_clear_is_enough() -> None:
    assert found(broker="rediss://a.example/0;redis://b.example/0") == ["CELERY_BROKER_URL"]
    assert found(cache="rediss://a.example/1,redis://b.example/1") == ["CACHE_URL"]
    assert found(cache="rediss://a.example/1;redis://b.example/1") == ["CACHE_URL"]


def test_other_brokers_count_by_what_they_speak() -> None:
    assert found(broker="sqs://") == []
    assert found(broker="amqps://user@rabbit.example//") == []
    assert found(broker="amqp://user@localhost//") == []
    assert found(broker="amqp://user@rabbit.example//") == ["CELERY_BROKER_URL"]
    assert found(broker="sentinel://10.0.0.5/0") == ["CELERY_BROKER_URL"]


@pytest.mark.parametrize(
    ("address", "clear"),
    [
        ("smtp+tls://user@mail.example:587", False),
        ("smtp+ssl://user@mail.example:465", False),
        ("smtp://localhost", False),
        ("smtp://127.0.0.1:25", False),
        ("smtp://[::1]:25", False),
        ("smtp://mail.example", True),
    ],
)
def test_mail_goes_by_tls_or_to_this_machine(address, clear) -> None:
    assert found(mail=address) == (["EMAIL_URL"] if clear else [])
