"""Pause, resume and removal through the API."""

import pytest

from integrations.actions.connections import create_connection
from integrations.models import Status
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.brokers import AWAY, use_broker

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


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


def test_one_component_is_paused_and_resumed_alone(api, cast, url) -> None:
    client = api(cast.admin, cast.tenant)

    paused = client.post(f"{url}pause/", {"components": ["log-analysis"]}, format="json").json()
    untouched = client.post(f"{url}resume/", {"components": ["compute-analysis"]}, format="json").json()
    resumed = client.post(f"{url}resume/", {"components": ["log-analysis"]}, format="json").json()

    by_component = [
        {role["component"]: role["status"] for role in answer["customer_roles"]}
        for answer in (paused, untouched, resumed)
    ]
    others = {"compute-analysis": "connected", "storage-analysis": "connected"}
    assert by_component == [
        others | {"log-analysis": "paused"},
        others | {"log-analysis": "paused"},
        others | {"log-analysis": "awaiting"},
    ]
    assert untouched["last_verification"] is None
    assert resumed["last_verification"]["state"] == "queued"


@pytest.mark.parametrize("address", ["pause/", "resume/"])
@pytest.mark.parametrize(
    ("body", "pointer", "code", "says"),
    [
        ({"components": ["mind-reading"]}, "#/components", "unknown_component", "It has: compute-analysis, log-ana"),
        ({"components": ["log-analysis", "x"]}, "#/components", "unknown_component", "no component 'x'"),
        ({"components": []}, "#/components", "empty", "leave the field out for all"),
        ({"components": "log-analysis"}, "#/components", "not_a_list", "Give a list"),
        ({"components": ["a\u0000b"]}, "#/components/0", "null_characters_not_allowed", "Null characters"),
        ({"component": "log-analysis"}, "#/component", "unknown_field", "This takes: components."),
        (["log-analysis"], "#", "invalid", "Send a JSON object"),
    ],
)
def test_a_wrong_choice_is_refused_and_changes_nothing(api, cast, url, address, body, pointer, code, says) -> None:
    client = api(cast.owner, cast.tenant)

    answer = client.post(f"{url}{address}", body, format="json")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert says in error["detail"]
    assert client.get(url).json()["status"] == "connected"


def test_with_the_queue_away_what_was_resumed_stays_so(api, cast, url, monkeypatch) -> None:
    client = api(cast.owner, cast.tenant)
    client.post(f"{url}pause/")

    with monkeypatch.context() as patch:
        use_broker(patch, AWAY)
        answer = client.post(f"{url}resume/").json()

    assert (answer["status"], answer["last_verification"]["failure"]) == ("awaiting", "queue_unavailable")
    assert answer["next_verification_at"] is not None


@pytest.mark.parametrize("address", ["pause/", "resume/"])
def test_another_tenants_connection_is_neither_paused_nor_resumed(api, cast, url, address) -> None:
    assert api(cast.stranger, cast.other_tenant).post(f"{url}{address}").status_code == 404
    assert api(cast.viewer, cast.tenant).post(f"{url}{address}").status_code == 403
    assert api(cast.viewer, cast.tenant).get(url).json()["status"] == "connected"
