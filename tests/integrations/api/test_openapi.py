"""The OpenAPI document says what the API does, and a change of it is seen in review."""

import re
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # no stubs are installed for it

from integrations.api import urls
from integrations.models import Finding, Verification
from tenants.api.base import TenantAPIView
from tenants.api.service_tokens import ProductAPIView
from tenants.permissions import Scope
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


def operations(scheme: str = ""):
    """The document's operations: all, or those that take this kind of token."""
    for path, methods in yaml.safe_load(SNAPSHOT.read_text())["paths"].items():
        for method, operation in methods.items():
            if not scheme or operation["security"][0].keys() == {scheme}:
                yield pytest.param(path, method, operation, id=f"{method} {path}")


@pytest.mark.parametrize(("path", "method", "operation"), list(operations()))
def test_every_operation_needs_a_scope_and_documents_its_problems(path, method, operation) -> None:
    problems = {status: answer for status, answer in operation["responses"].items() if status >= "400"}

    if path.startswith("/api/v1/product/"):
        assert operation["security"] == [{"serviceToken": []}]
        assert "401" in problems
    else:
        ((scope,),) = [entry["apiToken"] for entry in operation["security"]]
        assert scope in Scope.values
        assert {"401", "403"} <= problems.keys()
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


@pytest.mark.parametrize(("path", "method", "operation"), list(operations("apiToken")))
def test_an_operation_refuses_a_token_with_every_scope_but_its_own(api, cast, path, method, operation) -> None:
    needed = operation["security"][0]["apiToken"][0]
    client = api(cast.owner, cast.tenant, [scope for scope in Scope if scope != needed])
    address = re.sub(r"\{\w+\}", str(uuid4()), path)

    answer = getattr(client, method)(address, {}, format="json")

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:rolebridge:problem:missing-scope"
    assert f"`{needed}`" in answer.json()["detail"]


def test_every_handler_of_the_api_is_in_the_document() -> None:
    documented = {
        (path, method) for path, methods in yaml.safe_load(SNAPSHOT.read_text())["paths"].items() for method in methods
    }
    handled = set()
    for pattern in urls.urlpatterns:
        view: Any = getattr(pattern.callback, "cls", object)
        if issubclass(view, TenantAPIView | ProductAPIView):
            path = "/api/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
            handled |= {(path, method) for method in view.http_method_names if hasattr(view, method)}
        if issubclass(view, TenantAPIView):
            assert {method.upper() for _, method in handled if _ == path} == set(view.permissions), path

    assert handled - {(path, "head") for path, _ in handled} == documented


def test_every_list_with_pages_says_how_to_ask_for_one() -> None:
    paths = yaml.safe_load(SNAPSHOT.read_text())["paths"]
    pages = {
        path: {parameter["name"] for parameter in methods["get"]["parameters"]}
        for path, methods in paths.items()
        if "get" in methods
        and "Paginated" in str(methods["get"]["responses"]["200"].get("content", {}).get("application/json"))
    }

    assert len(pages) > 10
    assert [path for path, parameters in pages.items() if not {"cursor", "page_size"} <= parameters] == []
