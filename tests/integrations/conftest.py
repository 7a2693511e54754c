"""What tests of actions and of what is counted of them begin with."""

import pytest

from integrations.actions.connections import create_connection
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


@pytest.fixture
def connection(cast) -> Connection:
    """A connection of the cast's tenant with two components, where a test has none of its own."""
    with tenant_scope(cast.tenant.pk):
        return create_connection(
            tenant=cast.tenant,
            name="Production",
            account_id="222233334444",
            components=["log-analysis", "compute-analysis"],
            by=SYSTEM,
        )
