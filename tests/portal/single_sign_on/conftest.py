"""A provider, and a tenant whose members sign in by it."""

import pytest

from tests.oidc_provider import Provider, oidc_provider
from tests.portal.single_sign_on.visits import configure, verify_domain


@pytest.fixture
def provider():
    with oidc_provider() as running:
        yield running


@pytest.fixture
def ready(cast, provider) -> Provider:
    """A provider of the tenant, whose domain is example.com."""
    verify_domain(cast.tenant, "example.com")
    configure(cast.tenant, provider)
    return provider
