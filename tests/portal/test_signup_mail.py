"""Sign-up while the mail server is away."""

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.test import Client

SIGN_UP = {"organisation": "Blue Harbour", "email": "new@example.com", "password1": "a long and rather quiet password"}


@pytest.mark.parametrize("email", ["new@example.com", "owner@example.com"])
def test_with_the_mail_server_away_the_page_says_so_to_new_and_known_addresses_alike(cast, settings, email) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    answer = Client().post("/accounts/signup/", SIGN_UP | {"email": email}, follow=True)

    assert answer.status_code == 200
    assert "We could not send the mail: our mail server is away." in answer.content.decode()
    assert "Send a new code" in answer.content.decode()


def test_the_mail_can_be_asked_for_again(db, settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    client = Client()
    client.post("/accounts/signup/", SIGN_UP)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()  # a new code can be asked for once in a while only

    client.post("/accounts/confirm-email/", {"action": "resend"})

    assert [message.to for message in mail.outbox] == [["new@example.com"]]


def test_the_mail_is_sent_with_no_transaction_open(db, monkeypatch) -> None:
    open_transactions = []
    monkeypatch.setattr(
        EmailBackend, "send_messages", lambda *_: open_transactions.append(connections["default"].in_atomic_block)
    )

    Client().post("/accounts/signup/", SIGN_UP)

    assert open_transactions == [False]
