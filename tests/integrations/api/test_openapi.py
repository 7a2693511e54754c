"""The OpenAPI document says what the API does, and a change of it is seen in review."""

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from integrations.models import Finding, Verification
from tenants.scope import tenant_scope

SNAPSHOT = settings.BASE_DIR / "docs" / "reference" / "openapi.yaml"
HINT = "python manage.py spectacular --file docs/reference/openapi.yaml"


def test_the_document_is_valid_and_the_same_as_its_snapshot(tmp_path) -> None:
    made = tmp_path / "openapi.yaml"

    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(made))

    assert made.read_text() == SNAPSHOT.read_text(), f"The API has changed. If it should have: {HINT}"


def test_the_document_is_served_to_everybody(db) -> None:
    answer = Client().get("/api/v1/schema/")

    assert answer.status_code == 200
    assert yaml.safe_load(answer.content) == yaml.safe_load(SNAPSHOT.read_text())


def operations():
    for path, methods in yaml.safe_load(SNAPSHOT.read_text())["paths"].items():
        for method, operation in methods.items():
            scheme = "serviceToken" if path.startswith("/api/v1/product/") else "apiToken"
            yield pytest.param(operation, scheme, id=f"{method} {path}")


@pytest.mark.parametrize(("operation", "scheme"), list(operations()))
def test_every_operation_needs_a_token_and_documents_its_problems(operation, scheme) -> None:
    problems = {status: answer for status, answer in operation["responses"].items() if status >= "400"}

    assert operation["security"] == [{scheme: []}]
    assert "401" in problems
    for answer in problems.values():
        assert list(answer["content"]) == ["application/problem+json"]
        assert answer["description"]


def test_answers_are_what_the_document_says(api, cast) -> None:
    document = yaml.safe_load(SNAPSHOT.read_text())
    client = api(cast.owner, cast.tenant)
    connections = "/api/v1/connections/"
    made = client.post(connections, {"name": "Production", "account_id": "222233334444"}, format="json").json()
    one = f"{connections}{made['id']}/"
    with tenant_scope(cast.tenant.pk):
        verification = Verification.objects.create(
            tenant=cast.tenant, connection_id=made["id"], state="completed", requested_by="Test"
        )
        Finding.objects.create(
            tenant=cast.tenant, verification=verification, component="log-analysis", check_code="x", outcome="passed"
        )

    for schema, answer in (
        ("Connection", made),
        ("Connection", client.get(one).json()),
        ("PaginatedConnectionList", client.get(connections, {"page_size": 1}).json()),
        ("PaginatedVerificationList", client.get(f"{one}verifications/").json()),
        ("VerificationDetail", client.get(f"/api/v1/verifications/{verification.pk}/").json()),
        ("RoleOptions", client.get(f"{one}role-options/").json()),
        ("PaginatedDownloadList", client.get(f"{one}role-template-downloads/").json()),
        ("NewHandOffLink", client.post(f"{one}hand-off-links/", {}, format="json").json()),
        ("PaginatedHandOffLinkList", client.get(f"{one}hand-off-links/").json()),
        ("Component", client.get("/api/v1/components/").json()[0]),
        ("Problem", client.post(connections, {"external_id": "x"}, format="json").json()),
        ("Problem", client.get(f"{connections}{verification.pk}/").json()),
    ):
        rules = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
        Draft202012Validator(rules).validate(answer)
        assert set(answer) <= set(document["components"]["schemas"][schema]["properties"]), schema


def test_no_field_writes_an_external_id() -> None:
    schemas = yaml.safe_load(SNAPSHOT.read_text())["components"]["schemas"]

    writers = [
        name
        for name, schema in schemas.items()
        if "external_id" in schema.get("properties", {}) and not schema["properties"]["external_id"].get("readOnly")
    ]

    assert writers == []
    assert "external_id" in schemas["Connection"]["properties"]
