"""`/.well-known/security.txt`: what RFC 9116 asks for, and nothing that is not so."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from portal import environment

ADDRESS = "/.well-known/security.txt"
CONTACTS = ["mailto:security@vendor.example", "https://vendor.example/security?from=portal"]


@pytest.fixture
def contact(settings) -> None:
    settings.SECURITY_CONTACT = CONTACTS[0]
    settings.BASE_URL = "https://access.vendor.example"


def test_without_a_contact_there_is_none(db) -> None:
    assert Client().get(ADDRESS).status_code == 404


def test_each_field_stands_on_a_line_of_its_own_once(contact) -> None:
    text = Client().get(ADDRESS).content.decode()

    assert text.endswith("\n")
    fields = [line.partition(": ") for line in text.splitlines()]
    assert [name for name, _, _ in fields] == ["Contact", "Expires", "Preferred-Languages", "Canonical"]
    values = {name: value for name, _, value in fields}
    assert values["Contact"] == CONTACTS[0]
    assert values["Preferred-Languages"] == "en"
    assert values["Canonical"] == f"https://access.vendor.example{ADDRESS}"


def test_it_expires_in_less_than_a_year_and_not_soon(contact) -> None:
    text = Client().get(ADDRESS).content.decode()

    expires = re.search(r"^Expires: (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})Z$", text, re.MULTILINE)[1]
    left = datetime.fromisoformat(expires).replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(days=80) < left < timedelta(days=365)


def test_it_is_plain_text_that_caches_may_keep(contact) -> None:
    answer = Client().get(ADDRESS)

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Cache-Control"] == "public, max-age=3600"
    assert "Set-Cookie" not in answer


@pytest.mark.parametrize("address", ["", *CONTACTS])
def test_the_setting_takes_a_mail_address_a_page_or_nothing(monkeypatch, address) -> None:
    monkeypatch.setitem(environment.environment, "SECURITY_CONTACT", address)

    assert environment.contact_address("SECURITY_CONTACT") == address
