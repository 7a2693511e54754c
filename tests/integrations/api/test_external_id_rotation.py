"""A rotation of an external ID through the API."""

import pytest

from integrations.actions.connections import create_connection
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


@pytest.fixture
def connection(cast) -> Connection:
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="Production", components=["log-analysis"], by=SYSTEM)


def test_it_is_begun_once_read_and_called_off(cast, api, connection) -> None:
    client, address = api(cast.owner, cast.tenant), f"/api/v1/connections/{connection.pk}/external-id-rotation/"

    before = client.get(address)
    begun = client.post(address)
    again = client.post(address)
    read = client.get(address)
    cancelled = client.delete(address)
    twice = client.delete(address)

    assert (before.json()["state"], before.json()["new_external_id"]) == ("none", None)
    assert (begun.status_code, again.status_code) == (201, 200)
    assert begun.json() == again.json() == read.json()
    assert (read.json()["state"], read.json()["can_be_cancelled"]) == ("moving", True)
    assert read.json()["previous_external_id"] == connection.external_id
    assert [role["moved_at"] for role in read.json()["roles"]] == [None]
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (twice.status_code, twice.json()["detail"]) == (
        409,
        "No rotation of this connection's external ID is under way.",
    )


def test_no_id_is_taken_from_whoever_asks(cast, api, connection) -> None:
    address = f"/api/v1/connections/{connection.pk}/external-id-rotation/"

    begun = api(cast.owner, cast.tenant).post(address, {"new_external_id": "rb-mine"}, format="json")

    assert begun.json()["new_external_id"] != "rb-mine"
