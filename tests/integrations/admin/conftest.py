"""A member of the support staff who looks, while no worker takes what they ask for."""

import pytest
from django.test import Client


@pytest.fixture
def staff(cast, sign_in) -> Client:
    return sign_in(cast.staff)


@pytest.fixture(autouse=True)
def of_every_test_here(no_worker_takes_them) -> None:
    """What staff ask for stays in the queue."""
