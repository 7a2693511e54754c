"""`/livez` and `/readyz`."""

import time
from dataclasses import replace

import pytest
from django.core.cache import cache
from django.test import Client

from integrations.vendor import vendor_settings
from portal import health


def test_livez_answers_with_nothing_behind_it() -> None:
    response = Client().get("/livez")

    assert (response.status_code, response.content) == (200, b"ok\n")


def test_a_probe_by_ip_address_and_without_tls_is_answered(settings) -> None:
    settings.ALLOWED_HOSTS = ["portal.example"]
    settings.SECURE_SSL_REDIRECT = True

    assert Client().get("/livez", headers={"host": "10.1.2.3:8000"}).status_code == 200
    assert Client().get("/", headers={"host": "10.1.2.3:8000"}).status_code in {301, 400}


def test_readyz_is_ready_when_all_parts_are(db, sandbox_address) -> None:
    response = Client().get("/readyz")

    assert response.status_code == 200, response.content
    assert set(response.json()["checks"]) == {"database", "broker", "cache", "catalogue", "vendor_identity"}


@pytest.mark.parametrize("part", ["database", "broker", "cache", "catalogue", "vendor_identity"])
@pytest.mark.parametrize("works", [True, False], ids=["works", "is away"])
def test_readyz_says_of_each_part_how_long_it_took(db, sandbox_address, monkeypatch, part, works) -> None:
    def slow() -> bool:
        time.sleep(0.05)
        return works

    monkeypatch.setattr(health, f"_{part}", slow)

    took = {name: check["milliseconds"] for name, check in Client().get("/readyz").json()["checks"].items()}

    assert set(took) == {"database", "broker", "cache", "catalogue", "vendor_identity"}
    assert all(type(milliseconds) is int and milliseconds >= 0 for milliseconds in took.values()), took
    assert 50 <= took[part] < 10_000


@pytest.mark.parametrize("part", ["database", "broker", "cache", "catalogue", "vendor_identity"])
def test_readyz_names_the_part_that_is_away_and_tells_no_secret(db, sandbox_address, monkeypatch, part) -> None:
    def away() -> bool:
        raise OSError("connection to 10.1.2.3 refused for user secret")

    monkeypatch.setattr(health, f"_{part}", away)

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert [name for name, check in response.json()["checks"].items() if not check["ok"]] == [part]
    assert b"secret" not in response.content


def test_a_vendor_identity_that_is_refused_is_not_ready(db, sandbox_address, monkeypatch) -> None:
    cache.clear()
    elsewhere = replace(vendor_settings(), vendor_account_id="111111111119")
    monkeypatch.setattr(health, "vendor_settings", lambda: elsewhere)

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert not response.json()["checks"]["vendor_identity"]["ok"]


def test_the_vendor_identity_is_asked_of_aws_once_a_minute_at_most(db, sandbox_address, monkeypatch) -> None:
    cache.clear()
    Client().get("/readyz")

    def asked_again(_settings: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(health, "check_vendor_identity", asked_again)

    assert Client().get("/readyz").status_code == 200
