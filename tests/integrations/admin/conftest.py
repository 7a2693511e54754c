"""A member of the support staff who looks, while no worker takes what they ask for."""

import pytest
from django.test import Client

from tests.brokers import unread, use_broker


@pytest.fixture
def staff(cast, sign_in) -> Client:
    return sign_in(cast.staff)


@pytest.fixture(autouse=True)
def no_worker_takes_them(broker, monkeypatch) -> None:
    use_broker(monkeypatch, unread(broker))
