"""Guessing passwords is slowed for whoever guesses, and nobody is locked out by somebody else."""

from allauth.account.models import EmailAddress
from django.test import Client

LOGIN = "/accounts/login/"


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
