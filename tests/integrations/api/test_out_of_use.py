"""Pause, resume and removal through the API."""

import pytest

from integrations.actions.connections import create_connection
from integrations.models import Status
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.brokers import unread, use_broker


@pytest.fixture(autouse=True)
def no_worker_takes_them(broker, monkeypatch) -> None:
    use_broker(monkeypatch, unread(broker))


@pytest.fixture
def url(cast) -> str:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        connection.roles.update(status=Status.CONNECTED, worked_at=connection.created_at)
    return f"/api/v1/connections/{connection.pk}/"


def test_a_connection_is_paused_and_resumed_with_a_verification(api, cast, url) -> None:
    client = api(cast.admin, cast.tenant)

    paused = client.post(f"{url}pause/")
    refused = client.post(f"{url}verifications/")
    resumed = client.post(f"{url}resume/")

    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:rolebridge:problem:not-ready")
    assert "Resume it first" in refused.json()["detail"]
    assert (resumed.status_code, resumed.json()["status"]) == (200, "awaiting")
    assert resumed.json()["last_verification"]["state"] == "queued"
    with tenant_scope(cast.tenant.pk):
        actions = set(AuditEvent.objects.filter(actor_kind="token").values_list("action", flat=True))
    assert {"api:connection:paused", "api:connection:resumed"} <= actions


def test_a_removed_connection_says_so_and_changes_no_more(api, cast, url) -> None:
    client = api(cast.owner, cast.tenant)

    removed, again = client.delete(url), client.delete(url)
    changed = client.patch(url, {"name": "Renamed"}, format="json")

    assert (removed.status_code, again.status_code) == (202, 202)
    assert (removed.json()["status"], removed.json()["removed_at"]) == ("removing", None)
    assert removed.json()["removal_requested_at"] == again.json()["removal_requested_at"]
    assert (changed.status_code, changed.json()["type"]) == (409, "urn:rolebridge:problem:connection-in-use")
    assert client.get(url).json()["name"] == "Production"


def test_an_account_that_let_us_in_stays(api, cast, url) -> None:
    answer = api(cast.owner, cast.tenant).patch(url, {"account_id": "999988887777"}, format="json")

    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert "add a new one for the other account" in answer.json()["detail"]


def test_a_component_that_is_left_out_is_removed_and_not_forgotten(api, cast, url) -> None:
    answer = api(cast.owner, cast.tenant).patch(url, {"components": ["log-analysis"]}, format="json")

    statuses = {role["component"]: role["status"] for role in answer.json()["customer_roles"]}
    assert statuses == {"compute-analysis": "removing", "log-analysis": "connected", "storage-analysis": "removing"}
    assert answer.json()["status"] == "connected"
