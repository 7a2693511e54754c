"""Sign-up does the same work for a known address as for a new one, so that its time tells nothing."""

import pytest
from django.contrib.auth import hashers
from django.test import Client


@pytest.mark.parametrize("email", ["owner@example.com", "new@example.com"])
def test_the_password_is_hashed_once_whoever_signs_up(cast, monkeypatch, email) -> None:
    hasher = hashers.get_hasher()
    hashed = []
    real = type(hasher).encode

    def count(self, password, salt, *args, **kwargs):
        hashed.append(password)
        return real(self, password, salt, *args, **kwargs)

    monkeypatch.setattr(type(hasher), "encode", count)

    answer = Client().post(
        "/accounts/signup/", {"organisation": "Green Field", "email": email, "password1": "quiet heron by the mill"}
    )

    assert answer.status_code == 302
    assert hashed == ["quiet heron by the mill"]
