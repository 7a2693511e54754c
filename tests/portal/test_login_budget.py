"""Guessing passwords is slowed for whoever guesses; whom a guesser locks out gets in by mail at once."""

import re
import time
from http.cookies import SimpleCookie

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from portal.known_browser import LASTS_SECONDS

LOGIN = "/accounts/login/"
SHUT = "A new password opens it at once"


def sign_in_from(address: str, cast, password: str):
    return Client(REMOTE_ADDR=address).post(LOGIN, {"login": cast.owner.email, "password": password})


def test_a_guesser_is_stopped_and_the_person_still_gets_in(cast) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)

    guesses = [sign_in_from("198.51.100.7", cast, f"guess {number}").content.decode() for number in range(6)]
    right_but_late = sign_in_from("198.51.100.7", cast, cast.password)
    the_person = sign_in_from("203.0.113.9", cast, cast.password)

    assert "Too many failed login attempts" not in guesses[4]
    assert "Too many failed login attempts" in guesses[5]
    assert right_but_late.status_code == 200
    assert "Too many failed login attempts" in right_but_late.content.decode()
    assert the_person.status_code == 302


def test_a_neighbour_in_the_same_ipv6_network_shares_the_budget(cast) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    for number in range(6):
        sign_in_from(f"2001:db8::{number + 1}", cast, "guess")

    assert sign_in_from("2001:db8::ffff", cast, cast.password).status_code == 200
    assert sign_in_from("2001:db9::1", cast, cast.password).status_code == 302


def test_an_account_takes_a_hundred_wrong_passwords_an_hour_wherever_they_come_from(cast) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    for number in range(100):
        sign_in_from(f"198.51.100.{number}", cast, f"guess {number}")

    right_but_late = sign_in_from("203.0.113.9", cast, cast.password)
    another_account = Client(REMOTE_ADDR="203.0.113.9").post(
        LOGIN, {"login": "nobody@example.com", "password": "a guess"}
    )

    assert right_but_late.status_code == 200
    assert "A new password opens it at once" in right_but_late.content.decode()
    assert "A new password opens it at once" not in another_account.content.decode()


def test_a_guesser_who_asks_for_another_host_begins_with_none_of_them_forgotten(cast, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed_anywhere": "2/h/key"}
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    for number in range(2):
        sign_in_from(f"198.51.100.{number}", cast, "guess")

    by_another_name = Client(REMOTE_ADDR="203.0.113.9", HTTP_HOST="TESTSERVER:81")
    answer = by_another_name.post(LOGIN, {"login": cast.owner.email.upper(), "password": cast.password})

    assert "A new password opens it at once" in answer.content.decode()


def test_an_address_that_nobody_has_is_shut_with_the_same_words(cast, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed_anywhere": "2/h/key"}
    form = {"login": "nobody@example.com", "password": "guess"}

    pages = [Client(REMOTE_ADDR=f"198.51.100.{number}").post(LOGIN, form).content.decode() for number in range(3)]

    assert ["A new password opens it at once" in page for page in pages] == [False, False, True]


def test_right_passwords_are_not_counted_among_the_hundred(cast, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed_anywhere": "2/h/key"}
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)

    answers = [sign_in_from(f"198.51.100.{number}", cast, cast.password).status_code for number in range(4)]

    assert answers == [302] * 4


def test_whom_a_guesser_keeps_out_gets_in_with_a_new_password(cast, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed_anywhere": "2/h/key"}
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    for number in range(3):
        sign_in_from(f"198.51.100.{number}", cast, "guess")
    kept_out = sign_in_from("203.0.113.9", cast, cast.password).status_code
    person = Client(REMOTE_ADDR="203.0.113.9")
    person.post("/accounts/password/reset/", {"email": cast.owner.email})
    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))[1]

    page = person.get(link, follow=True)
    new = "another long and quiet one"
    person.post(page.request["PATH_INFO"], {"password1": new, "password2": new})

    assert kept_out == 200
    assert sign_in_from("203.0.113.9", cast, new).status_code == 302


@pytest.fixture
def known(cast, settings) -> str:
    """The cookie of a browser in which the owner has signed in, before a guesser used up what the account takes."""
    settings.ACCOUNT_RATE_LIMITS = {"login_failed_anywhere": "2/h/key", "login_failed_in_known_browser": "2/h/key"}
    for person in (cast.owner, cast.viewer):
        EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    cookie = sign_in_from("203.0.113.9", cast, cast.password).cookies["known-browser"].value
    for number in range(2):
        sign_in_from(f"198.51.100.{number}", cast, "guess")
    return cookie


def sign_in_with(cookie: str, cast, password: str, address: str = "203.0.113.10"):
    client = Client(REMOTE_ADDR=address)
    client.cookies = SimpleCookie({"known-browser": cookie})
    return client.post(LOGIN, {"login": cast.owner.email, "password": password})


def test_whom_guessers_would_keep_out_gets_in_with_a_browser_of_before(cast, known) -> None:
    elsewhere = sign_in_from("203.0.113.10", cast, cast.password)
    right = sign_in_with(known, cast, cast.password)

    assert SHUT in elsewhere.content.decode()
    assert right.status_code == 302


def test_what_tells_such_a_browser_is_kept_from_scripts_and_other_sites_for_90_days(cast, known) -> None:
    cookie = sign_in_with(known, cast, cast.password).cookies["known-browser"]

    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")
    assert cookie["max-age"] == 90 * 24 * 3600
    assert cast.owner.password not in cookie.value


def test_no_cookie_is_left_by_who_has_not_signed_in(cast, known) -> None:
    assert "known-browser" not in sign_in_from("203.0.113.10", cast, "wrong").cookies


def test_such_a_browser_has_a_small_budget_of_its_own(cast, known) -> None:
    wrong = [sign_in_with(known, cast, f"guess {number}", f"192.0.2.{number}") for number in range(2)]
    right_but_late = sign_in_with(known, cast, cast.password)

    assert [SHUT in answer.content.decode() for answer in wrong] == [False, False]
    assert SHUT in right_but_late.content.decode()


def test_a_guesser_in_such_a_browser_is_stopped_at_their_address_as_anywhere(cast, known, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS |= {"login_failed_in_known_browser": "100/h/key"}

    pages = [sign_in_with(known, cast, f"guess {number}").content.decode() for number in range(6)]

    assert ["Too many failed login attempts" in page for page in pages] == [False] * 5 + [True]


def test_a_browser_of_somebody_else_is_as_unknown_as_any(cast, known) -> None:
    another = Client(REMOTE_ADDR="192.0.2.1")
    another.post(LOGIN, {"login": cast.viewer.email, "password": cast.password})
    theirs = another.cookies["known-browser"].value
    _, _, signature = theirs.partition(":")

    for cookie in (theirs, f"{cast.owner.pk}:{signature}", str(cast.owner.pk), "nonsense", known[:-1]):
        assert SHUT in sign_in_with(cookie, cast, cast.password).content.decode()


def test_a_new_password_ends_what_browsers_of_before_may(cast, known) -> None:
    cast.owner.set_password("another long and quiet one")
    cast.owner.save()

    assert SHUT in sign_in_with(known, cast, "another long and quiet one").content.decode()


@pytest.mark.parametrize(("seconds", "works"), [(-60, True), (60, False)])
def test_a_browser_is_forgotten_after_90_days(cast, known, monkeypatch, seconds, works) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + LASTS_SECONDS + seconds)
    for number in range(2):
        sign_in_from(f"192.0.2.{number}", cast, "guess")

    assert (sign_in_with(known, cast, cast.password).status_code == 302) is works
