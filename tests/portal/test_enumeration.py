"""Sign-in and reset tell nobody who is signed up: not by their answer, and not by the work they do."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import hashers
from django.core import mail
from django.test import Client


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """The passwords that were hashed: most of the time that such a request takes."""
    seen: list[str] = []
    hasher = type(hashers.get_hasher())
    real = hasher.encode

    def count(self, password, salt, *args, **kwargs):
        seen.append(password)
        return real(self, password, salt, *args, **kwargs)

    monkeypatch.setattr(hasher, "encode", count)
    return seen


def neutral(answer, email: str) -> str:
    """The page, without what differs from request to request."""
    page = answer.content.decode().replace(email, "EMAIL")
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def test_a_wrong_password_and_an_unknown_address_look_and_cost_the_same(cast, hashed) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    answers, work = [], []

    for email in (cast.owner.email, "nobody@example.com"):
        hashed.clear()
        answer = Client().post("/accounts/login/", {"login": email, "password": "wrong and long"})
        answers.append((answer.status_code, neutral(answer, email)))
        work.append(len(hashed))

    assert answers[0] == answers[1]
    assert work == [1, 1]


def test_a_reset_for_a_known_and_an_unknown_address_look_and_cost_the_same(cast, hashed) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    answers, work = [], []

    for email in (cast.owner.email, "nobody@example.com"):
        mail.outbox.clear()
        answer = Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        answers.append((answer.redirect_chain, neutral(answer, email)))
        work.append([message.to for message in mail.outbox])

    assert answers[0] == answers[1]
    assert work == [[[cast.owner.email]], [["nobody@example.com"]]], "a mail each, which takes the time"
