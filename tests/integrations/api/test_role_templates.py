"""Role templates through the API."""

import base64
import hashlib
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import yaml
from django.test import Client
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.catalogue_file import catalogue
from integrations.role_templates.formats import MEDIA_TYPES, Format
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


def url(connection_id) -> str:
    return f"/api/v1/connections/{connection_id}/role-templates/cloudformation/"


@pytest.fixture
def connection(cast):
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="Production", account_id="123456789012", by=SYSTEM)


def test_the_template_is_a_file_that_makes_each_customer_role(api, cast, connection) -> None:
    client = api(cast.viewer, cast.tenant)

    answer = client.get(url(connection.pk))

    assert answer.status_code == 200
    assert answer["Content-Type"].partition(";")[0] == "application/yaml"
    assert answer["Content-Disposition"] == f'attachment; filename="rolebridge-{connection.reference}.yaml"'
    template = yaml.safe_load(answer.content)
    roles = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    shown = client.get(f"/api/v1/connections/{connection.pk}/").json()
    assert [role["RoleName"] for role in roles] == [role["name"] for role in shown["customer_roles"]]
    for role in roles:
        assert connection.external_id in str(role["AssumeRolePolicyDocument"])


@pytest.mark.parametrize(
    ("account_id", "components", "says"),
    [("", None, "12-digit id"), ("123456789012", [], "at least one component")],
)
def test_a_connection_that_lacks_something_has_no_template_yet(api, cast, account_id, components, says) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="New", account_id=account_id, components=components, by=SYSTEM
        )

    answer = api(cast.owner, cast.tenant).get(url(connection.pk))

    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:rolebridge:problem:not-ready"
    assert says in answer.json()["detail"]


def test_another_tenants_template_is_unknown(api, cast, connection) -> None:
    stranger = api(cast.stranger, cast.other_tenant)

    answers = [stranger.get(url(id_)) for id_ in (connection.pk, uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("chosen", list(Format))
def test_every_format_is_a_file_with_its_hash_and_catalogue(api, cast, connection, chosen) -> None:
    client = api(cast.viewer, cast.tenant)
    address = f"/api/v1/connections/{connection.pk}/role-templates/{chosen}/"

    first, second = client.get(address), client.get(address)

    assert first.status_code == 200
    assert first["Content-Type"] == MEDIA_TYPES[chosen]
    assert first.content == second.content
    digest = base64.b64encode(hashlib.sha256(first.content).digest()).decode()
    assert first["Repr-Digest"] == f"sha-256=:{digest}:"
    assert first["X-Catalogue-Version"] == catalogue().version


def test_downloads_are_listed_and_the_same_bytes_can_be_had_again(api, cast, connection) -> None:
    client = api(cast.owner, cast.tenant)
    one = f"/api/v1/connections/{connection.pk}/"
    before = client.get(f"{one}role-templates/terraform-zip/").content
    client.patch(f"{one}role-options/", {"path": "/partners/"}, format="json")
    client.get(f"{one}role-templates/terraform-zip/")

    listed = client.get(f"{one}role-template-downloads/").json()["results"]
    again = client.get(f"{one}role-template-downloads/{listed[1]['id']}/").content

    assert [entry["format"] for entry in listed] == ["terraform-zip", "terraform-zip"]
    assert listed[0]["roles_sha256"] != listed[1]["roles_sha256"]
    assert listed[1]["sha256"] == hashlib.sha256(before).hexdigest()
    assert again == before
    assert client.get(f"{one}role-template-downloads/{uuid4()}/").status_code == 404
    assert client.get(f"{one}role-templates/word-perfect/").status_code == 404


def test_options_are_shown_and_changed(api, cast, connection) -> None:
    client, address = api(cast.owner, cast.tenant), f"/api/v1/connections/{connection.pk}/role-options/"
    chosen = {
        "name_pattern": "partner-{component}-{connection}",
        "path": "/partners/",
        "boundary_arn": "arn:aws:iam::123456789012:policy/b",
        "tags": {"Team": "Cloud"},
        "max_session_seconds": 7200,
        "regions": ["eu-central-1"],
        "self_inspection": True,
        "partition": "aws",
    }

    answer = client.patch(address, chosen, format="json")

    assert answer.status_code == 200
    assert answer.json() == client.get(address).json() == chosen
    shown = client.get(f"/api/v1/connections/{connection.pk}/").json()["customer_roles"][0]
    assert shown["arn"].startswith("arn:aws:iam::123456789012:role/partners/partner-")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("boundary_arn", "arn:aws-cn:iam::123456789012:policy/b", "partition 'aws-cn'"),
        ("path", "partners", "begins and ends with a slash"),
        ("path", "", "begins and ends with a slash"),
        ("tags", {f"k{number}": "v" for number in range(60)}, "You gave 60 tags"),
        ("max_session_seconds", 60, "An hour is enough"),
        ("regions", ["cn-north-1"], "no region of the AWS partition"),
        ("name_pattern", "x", "once each"),
        ("partition", "aws-cn", "lets no role of another partition be assumed"),
    ],
)
def test_a_choice_that_cannot_be_granted_is_the_error_of_its_field(api, cast, connection, field, value, says) -> None:
    client, address = api(cast.owner, cast.tenant), f"/api/v1/connections/{connection.pk}/role-options/"

    answer = client.patch(address, {field: value}, format="json")

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (f"#/{field}", "invalid_role_option")
    assert says in error["detail"]


def test_names_that_roles_in_use_have_cannot_change(api, cast, connection) -> None:
    with tenant_scope(cast.tenant.pk):
        connection.roles.update(worked_at=timezone.now())

    answer = api(cast.owner, cast.tenant).patch(
        f"/api/v1/connections/{connection.pk}/role-options/", {"path": "/x/"}, format="json"
    )

    assert answer.status_code == 409
    assert answer.json()["type"].endswith(":connection-in-use")


def test_a_hand_off_link_is_made_listed_and_revoked(api, cast, connection) -> None:
    client, address = api(cast.owner, cast.tenant), f"/api/v1/connections/{connection.pk}/hand-off-links/"

    made = client.post(address, {"days": 1}, format="json").json()
    opened = Client().get(urlsplit(made["url"]).path)
    [listed] = client.get(address).json()["results"]
    revoked = client.delete(f"{address}{made['id']}/").json()

    assert opened.status_code == 200
    assert "url" not in listed
    assert listed["last_used_at"] is not None
    assert revoked["revoked_at"] is not None
    assert Client().get(urlsplit(made["url"]).path).status_code == 410
    refused = client.post(address, {"days": 31}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/days")
