"""Connections through the API: made, listed, changed, and refused with a message that says what to do."""

import re
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext

from integrations.actions.connections import create_connection
from integrations.models import Connection, CustomerRole, Status, Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope

URL = "/api/v1/connections/"


def make(api, cast, **body):
    response = api(cast.owner, cast.tenant).post(URL, {"name": "Production"} | body, format="json")
    assert response.status_code == 201, response.json()
    return response.json()


def refusal(response, status=400):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    return response.json()


def test_a_connection_is_made_with_an_external_id_and_a_role_for_each_component(api, cast) -> None:
    response = api(cast.owner, cast.tenant).post(
        URL,
        {"name": "Production", "account_id": "1234-5678-9012", "components": ["log-analysis", "compute-analysis"]},
        format="json",
    )

    made = response.json()
    assert response.status_code == 201
    assert response["Location"] == f"{URL}{made['id']}/"
    assert made["account_id"] == "123456789012"
    assert made["status"] == "awaiting"
    assert made["last_verification"] is None
    assert [role["component"] for role in made["customer_roles"]] == ["compute-analysis", "log-analysis"]
    for role in made["customer_roles"]:
        assert role["arn"] == f"arn:aws:iam::123456789012:role/{role['name']}"
        assert (role["status"], bool(role["status_since"])) == ("awaiting", True)
    with tenant_scope(cast.tenant.pk):
        event = AuditEvent.objects.get(action="api:connection:created")
    assert (event.actor_kind, event.target_id) == ("token", made["id"])


def test_components_default_to_the_whole_catalogue_and_arns_wait_for_the_account(api, cast) -> None:
    made = make(api, cast)

    assert len(made["customer_roles"]) == 3
    assert made["account_id"] == ""
    assert {role["arn"] for role in made["customer_roles"]} == {None}


def test_f01_an_external_id_in_the_body_is_refused(api, cast) -> None:
    client = api(cast.owner, cast.tenant)
    connection = make(api, cast)

    for response in (
        client.post(URL, {"name": "Mine", "external_id": "chosen-by-me"}, format="json"),
        client.patch(f"{URL}{connection['id']}/", {"external_id": "chosen-by-me"}, format="json"),
    ):
        problem = refusal(response)
        assert problem["type"] == "urn:rolebridge:problem:invalid"
        assert problem["errors"] == [
            {
                "pointer": "#/external_id",
                "code": "read_only",
                "detail": "The external ID is made by us and is never chosen or changed. Leave this field out.",
            }
        ]
    assert client.get(f"{URL}{connection['id']}/").json()["external_id"] == connection["external_id"]
    assert len(client.get(URL).json()["results"]) == 1


def test_f03_f04_every_connection_has_an_external_id_of_160_random_bits_of_its_own(api, cast) -> None:
    made = [make(api, cast, account_id="123456789012") for _ in range(5)]

    ids = {connection["external_id"] for connection in made}
    assert len(ids) == 5
    for connection in made:
        assert re.fullmatch(r"rb-[a-z2-7]{32}", connection["external_id"])
        for known in (connection["account_id"], connection["id"], str(cast.tenant.pk), cast.tenant.reference):
            assert known not in connection["external_id"]


@pytest.mark.parametrize(
    ("body", "pointer", "code", "says"),
    [
        ({}, "#/name", "required", "Give the connection a name"),
        ({"name": ""}, "#/name", "blank", "Give the connection a name"),
        ({"name": "   "}, "#/name", "blank", "Give the connection a name"),
        ({"name": None}, "#/name", "null", "Give the connection a name"),
        ({"name": "x" * 101}, "#/name", "max_length", "100 characters at the most"),
        ({"name": "a\u0000b"}, "#/name", "null_characters_not_allowed", "Null characters"),
        ({"name": ["a"]}, "#/name", "invalid", "text"),
        ({"name": "A", "account_id": "12345"}, "#/account_id", "invalid_account_id", "12 digits"),
        ({"name": "A", "account_id": "12345678901a"}, "#/account_id", "invalid_account_id", "12 digits"),
        ({"name": "A", "account_id": "\uff11" * 12}, "#/account_id", "invalid_account_id", "12 digits"),
        ({"name": "A", "account_id": 123456789012}, "#/account_id", "invalid", "in quotes"),
        ({"name": "A", "account_id": ""}, "#/account_id", "blank", "12 digits"),
        ({"name": "A", "account_id": "1" * 40}, "#/account_id", "max_length", "12 digits"),
        ({"name": "A", "components": "log-analysis"}, "#/components", "not_a_list", "list"),
        ({"name": "A", "components": ["log-analysis", "no-such"]}, "#/components", "unknown_component", "no-such"),
        ({"name": "A", "components": [7.5]}, "#/components", "invalid", "A component id is a text"),
        ({"name": "A", "region": "eu-west-1"}, "#/region", "unknown_field", "name, account_id, components"),
        ({"name": "A", "a/b~c": 1}, "#/a~1b~0c", "unknown_field", "no such field"),
        (["name"], "#", "invalid", "Send a JSON object"),
    ],
)
def test_bad_input_is_refused_with_what_to_do_and_nothing_is_written(api, cast, body, pointer, code, says) -> None:
    problem = refusal(api(cast.owner, cast.tenant).post(URL, body, format="json"))

    (error,) = problem["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert says in error["detail"]
    assert error["detail"] in problem["detail"]
    with tenant_scope(cast.tenant.pk):
        assert not Connection.objects.exists()


def test_f20_the_vendors_own_account_is_refused(api, cast) -> None:
    client = api(cast.owner, cast.tenant)
    connection = make(api, cast, account_id="123456789012")
    body = {"name": "Ours", "account_id": settings.VENDOR_ACCOUNT_ID}

    for response in (
        client.post(URL, body, format="json"),
        client.patch(f"{URL}{connection['id']}/", body, format="json"),
    ):
        (error,) = refusal(response)["errors"]
        assert (error["pointer"], error["code"]) == ("#/account_id", "vendor_account")
        assert "own" in error["detail"]
    assert client.get(f"{URL}{connection['id']}/").json() == connection


def test_every_error_of_a_body_is_told_at_once(api, cast) -> None:
    problem = refusal(
        api(cast.owner, cast.tenant).post(URL, {"name": "", "account_id": 7, "external_id": "x"}, format="json")
    )

    assert {error["pointer"] for error in problem["errors"]} == {"#/name", "#/account_id", "#/external_id"}


def test_name_account_and_components_can_be_changed_one_by_one(api, cast) -> None:
    client = api(cast.admin, cast.tenant)
    connection = make(api, cast)
    url = f"{URL}{connection['id']}/"

    named = client.patch(url, {"name": "Renamed"}, format="json").json()
    with_account = client.patch(url, {"account_id": "2222 3333 4444"}, format="json").json()
    with_components = client.patch(url, {"components": ["log-analysis"]}, format="json").json()
    unchanged = client.patch(url, {}, format="json").json()

    assert named["name"] == "Renamed"
    assert (with_account["name"], with_account["account_id"]) == ("Renamed", "222233334444")
    assert len(with_account["customer_roles"]) == 3
    assert [role["component"] for role in with_components["customer_roles"]] == ["log-analysis"]
    assert unchanged == with_components
    assert unchanged["external_id"] == connection["external_id"]


def test_another_account_forgets_what_was_found_in_the_first(api, cast) -> None:
    connection = make(api, cast, account_id="222233334444", components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        CustomerRole.objects.update(status=Status.CONNECTED)

    changed = (
        api(cast.owner, cast.tenant)
        .patch(f"{URL}{connection['id']}/", {"account_id": "555566667777"}, format="json")
        .json()
    )

    assert [(role["component"], role["status"]) for role in changed["customer_roles"]] == [("log-analysis", "awaiting")]
    assert changed["status"] == "awaiting"


def test_a_connection_shows_the_worst_of_its_roles_and_its_last_verification(api, cast) -> None:
    connection = make(api, cast, account_id="222233334444")
    with tenant_scope(cast.tenant.pk):
        CustomerRole.objects.filter(component="log-analysis").update(status=Status.DEGRADED)
        CustomerRole.objects.filter(component="compute-analysis").update(status=Status.CONNECTED)
        for state in ("completed", "failed"):
            last = Verification.objects.create(
                tenant=cast.tenant, connection_id=connection["id"], state=state, requested_by="Test"
            )

    client = api(cast.viewer, cast.tenant)

    for shown in (client.get(f"{URL}{connection['id']}/").json(), client.get(URL).json()["results"][0]):
        assert shown["status"] == "degraded"
        assert (shown["last_verification"]["id"], shown["last_verification"]["state"]) == (str(last.pk), "failed")


def test_a_viewer_reads_and_does_not_write(api, cast) -> None:
    connection = make(api, cast)
    client = api(cast.viewer, cast.tenant)

    assert client.get(URL).status_code == client.get(f"{URL}{connection['id']}/").status_code == 200
    for response in (
        client.post(URL, {"name": "A"}, format="json"),
        client.patch(f"{URL}{connection['id']}/", {"name": "A"}, format="json"),
    ):
        problem = refusal(response, 403)
        assert problem["type"] == "urn:rolebridge:problem:forbidden"
        assert "owner or admin" in problem["detail"]


def test_another_tenants_connection_is_as_unknown_as_one_that_never_was(api, cast) -> None:
    connection = make(api, cast)
    stranger = api(cast.stranger, cast.other_tenant)

    for method, body in (("get", None), ("patch", {"name": "Taken"})):
        answers = [
            getattr(stranger, method)(f"{URL}{id_}/", body, format="json")
            for id_ in (connection["id"], uuid4(), "no-id")
        ]
        problems = [refusal(answer, 404) for answer in answers]
        assert problems[0] == problems[1] == problems[2]
    assert stranger.get(URL).json()["results"] == []
    assert api(cast.owner, cast.tenant).get(f"{URL}{connection['id']}/").json()["name"] == "Production"


def test_the_list_is_paged_by_cursor_newest_first(api, cast) -> None:
    names = [make(api, cast, name=f"Account {number}", components=[])["name"] for number in range(5)]
    client = api(cast.viewer, cast.tenant)

    first = client.get(URL, {"page_size": 2}).json()
    make(api, cast, name="Made meanwhile")
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()

    seen = [row["name"] for page in (first, second, third) for row in page["results"]]
    assert seen == names[::-1]
    assert third["next"] is None
    assert [row["name"] for row in client.get(third["previous"]).json()["results"]] == names[1:3][::-1]


@pytest.mark.parametrize("cursor", ["nonsense", "cD1ub3QtYS1kYXRl", "bz0tMQ==", "%00", "é"])
def test_a_cursor_that_is_none_is_refused(api, cast, cursor) -> None:
    problem = refusal(api(cast.owner, cast.tenant).get(URL, {"cursor": cursor}))

    assert problem["type"] == "urn:rolebridge:problem:invalid-cursor"


def test_the_list_takes_as_many_queries_for_fifty_as_for_one(api, cast) -> None:
    client = api(cast.viewer, cast.tenant)
    client.get(URL)  # the token's "last used" is written

    def queries() -> int:
        with CaptureQueriesContext(databases["default"]) as captured:
            assert client.get(URL).status_code == 200
        return len(captured)

    def add(number: int) -> None:
        with tenant_scope(cast.tenant.pk):
            for _ in range(number):
                connection = create_connection(tenant=cast.tenant, name="One", by=SYSTEM)
                for state in ("completed", "queued"):
                    Verification.objects.create(
                        tenant=cast.tenant, connection=connection, state=state, requested_by="Test"
                    )

    add(1)
    with_one = queries()
    add(49)
    assert queries() == with_one
    assert with_one <= 20
