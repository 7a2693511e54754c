"""What the tests of the product's operations are made of: a program with a service token, and what it may enter."""

from rest_framework.test import APIClient

from integrations.actions.connections import create_connection
from integrations.models import Connection, Status
from tenants.audit import SYSTEM
from tenants.models import Tenant
from tenants.scope import tenant_scope

LIST = "/api/v1/product/connections/"


def client(text: str) -> APIClient:
    """A program that shows this token."""
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return made


def connect(tenant: Tenant, account_id: str = "222233334444", status: Status = Status.CONNECTED, **more) -> Connection:
    """A connection whose roles have this status."""
    with tenant_scope(tenant.pk):
        connection = create_connection(tenant=tenant, name="Secret name", account_id=account_id, by=SYSTEM, **more)
        connection.roles.update(status=status)
    return connection
