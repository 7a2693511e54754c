"""Every decision about who somebody is stands in the log, without what proves it."""

import logging

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from prometheus_client import REGISTRY

from tests.second_factor import TOTP_SECRET, code_of

LOGIN = "/accounts/login/"


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="portal.sign_in_log")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "portal.sign_in_log"]


def test_signing_in_and_out_names_the_person_and_the_address(cast, lines) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client = Client(REMOTE_ADDR="198.51.100.7")

    client.post(LOGIN, {"login": cast.owner.email, "password": cast.password})
    client.post("/accounts/logout/")

    signed_in, signed_out = lines()
    assert signed_in.startswith(f"Signed in: user {cast.owner.pk}")
    assert signed_out.startswith(f"Signed out: user {cast.owner.pk}")
    assert "198.51.100.7" in signed_in


def test_a_wrong_password_is_told_and_neither_it_nor_the_address_typed_is_in_the_line(cast, lines) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client = Client(REMOTE_ADDR="198.51.100.7")

    client.post(LOGIN, {"login": cast.owner.email.upper(), "password": "a wrong and long guess"})
    client.post(LOGIN, {"login": "nobody@example.com", "password": "a wrong and long guess"})
    client.post(LOGIN, {"login": cast.owner.email, "password": cast.password})

    refused, unknown, signed_in = lines()
    assert refused.startswith("Sign-in refused: wrong password")
    assert "198.51.100.7" in refused
    assert not any(word in line for line in lines() for word in ("guess", "@", cast.password))
    mark = refused.split("account ")[1].split()[0]
    assert mark in signed_in, "refusals and the sign-in of one account can be joined"
    assert mark not in unknown


def test_a_wrong_code_of_a_second_factor_is_told(cast, lines) -> None:
    EmailAddress.objects.create(user=cast.viewer, email=cast.viewer.email, verified=True, primary=True)
    TOTP.activate(cast.viewer, TOTP_SECRET)
    client = Client()
    client.post(LOGIN, {"login": cast.viewer.email, "password": cast.password})

    client.post("/accounts/second-factor/authenticate/", {"code": "000000"})
    client.post("/accounts/second-factor/authenticate/", {"code": code_of(TOTP_SECRET)})

    refused, signed_in = lines()
    assert refused.startswith(f"Sign-in refused: wrong code, user {cast.viewer.pk}")
    assert signed_in.startswith("Signed in")
    assert "000000" not in refused


def test_what_becomes_of_sign_ins_is_counted(cast) -> None:
    def counted(result: str) -> float:
        return REGISTRY.get_sample_value("rolebridge_sign_ins_total", {"result": result}) or 0

    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    before = counted("ok"), counted("wrong_password")

    Client().post(LOGIN, {"login": cast.owner.email, "password": "a wrong and long guess"})
    Client().post(LOGIN, {"login": cast.owner.email, "password": cast.password})

    assert (counted("ok"), counted("wrong_password")) == (before[0] + 1, before[1] + 1)


def test_a_password_that_is_not_even_looked_at_is_told_too(cast, lines, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed_anywhere": "1/h/key"}
    before = REGISTRY.get_sample_value("rolebridge_sign_ins_total", {"result": "too_many"}) or 0

    for number in range(2):
        form = {"login": cast.owner.email, "password": "guess"}
        Client(REMOTE_ADDR=f"198.51.100.{number}").post(LOGIN, form)

    assert [line.split(",")[0] for line in lines()] == [
        "Sign-in refused: wrong password",
        "Sign-in refused: too many wrong passwords",
    ]
    assert REGISTRY.get_sample_value("rolebridge_sign_ins_total", {"result": "too_many"}) == before + 1
