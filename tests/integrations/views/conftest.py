"""Connections to look at."""

import pytest

from integrations.actions.connections import create_connection
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


@pytest.fixture
def connection(cast) -> Connection:
    """A connection of the cast's tenant, ready to be verified."""
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)


@pytest.fixture
def url(connection) -> str:
    """The connection's page."""
    return f"/tenants/{connection.tenant_id}/connections/{connection.pk}/"
