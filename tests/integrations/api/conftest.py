"""The vendor's product, as a program with a service token."""

import pytest
from rest_framework.test import APIClient

from tenants.actions.service_tokens import create_service_token
from tenants.audit import SYSTEM
from tenants.models import ServiceToken
from tests.integrations.api.product_builders import client


@pytest.fixture
def token(db) -> tuple[ServiceToken, str]:
    """A service token, and its text."""
    return create_service_token(name="Log analysis", days=30, reason="It needs one.", by=SYSTEM)


@pytest.fixture
def product(token) -> APIClient:
    """The product."""
    return client(token[1])
