"""The history of statuses through the API."""

from integrations.actions.connections import create_connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.reports import found


def test_changes_are_listed_the_latest_first(api, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="P", account_id="222233334444", components=["log-analysis"], by=SYSTEM
        )
    found(connection, log_analysis="passed")
    decisive = found(connection, log_analysis="passed")
    client = api(cast.viewer, cast.tenant)
    url = f"/api/v1/connections/{connection.pk}/status-changes/"

    first, second = client.get(url).json()["results"]

    assert (first["before"], first["after"], first["cause"]) == ("awaiting", "connected", "verification")
    assert first["verification_id"] == str(decisive.pk)
    assert (second["before"], second["after"], second["cause"]) == ("", "awaiting", "chosen")
    assert client.get(url, {"page_size": 1}).json()["next"]
    assert api(cast.stranger, cast.other_tenant).get(url).status_code == 404


def test_a_role_that_passed_once_says_so(api, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="P", account_id="222233334444", components=["log-analysis"], by=SYSTEM
        )
    client, url = api(cast.viewer, cast.tenant), f"/api/v1/connections/{connection.pk}/"

    found(connection, log_analysis="passed")
    (once,) = client.get(url).json()["customer_roles"]
    found(connection, log_analysis="passed")
    (twice,) = client.get(url).json()["customer_roles"]

    assert (once["status"], once["is_confirming"]) == ("awaiting", True)
    assert (twice["status"], twice["is_confirming"]) == ("connected", False)
