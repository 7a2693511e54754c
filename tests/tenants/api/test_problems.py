"""Whatever goes wrong below /api/ is answered by a problem document."""

import re

import pytest
from django.conf import settings
from django.db import connections as databases
from django.test import Client
from rest_framework.test import APIClient

from integrations.api.connections import Connections
from integrations.models import Connection
from tenants.api.problems import _KNOWN
from tenants.scope import tenant_scope

URL = "/api/v1/connections/"


def problem(response, status: int, kind: str) -> dict:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"urn:rolebridge:problem:{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


@pytest.fixture
def client(api, cast) -> APIClient:
    return api(cast.owner, cast.tenant)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("address", ["/api/", "/api/v1/", "/api/v1/nothing/", "/api/v1/connections", "/api/v2/x"])
def test_an_unknown_address_is_a_404(db, method, address) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(address)

    assert "end with a slash" in problem(answer, 404, "not-found")["detail"]


@pytest.mark.parametrize(("method", "address"), [("delete", URL), ("put", URL), ("post", "/api/v1/components/")])
def test_a_method_that_is_not_offered_is_a_405_that_names_those_that_are(client, method, address) -> None:
    answer = getattr(client, method)(address, {}, format="json")

    problem(answer, 405, "method-not-allowed")
    assert "GET" in answer["Allow"]
    assert method.upper() not in answer["Allow"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"{'name': 'A'}", b"\xff\xfe", b'{"name": NaN}', b"[" * 100_000, b'{"name": ' + b"1" * 5000 + b"}"],
    ids=["cut off", "single quotes", "no UTF-8", "NaN", "deeply nested", "huge number"],
)
def test_a_body_that_is_no_json_is_a_400(client, body) -> None:
    answer = client.post(URL, body, content_type="application/json")

    assert problem(answer, 400, "malformed")["title"] == "The body could not be read"


def test_a_lone_surrogate_is_refused(client) -> None:
    answer = client.post(URL, b'{"name": "\\ud800"}', content_type="application/json")

    problem(answer, 400, "invalid")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_a_415(client, content_type) -> None:
    answer = client.post(URL, b"name=A", content_type=content_type)

    problem(answer, 415, "unsupported-media-type")


def test_a_body_that_is_too_large_is_a_413(client) -> None:
    answer = client.post(URL, b'{"name": "' + b"x" * 300_000 + b'"}', content_type="application/json")

    problem(answer, 413, "too-large")


def test_a_request_that_django_itself_refuses_is_a_400(db) -> None:
    answer = Client().get("/api/v1/components/", headers={"host": "elsewhere.example"})

    problem(answer, 400, "malformed")


def test_any_accept_header_gets_an_answer(client) -> None:
    assert client.get(URL, HTTP_ACCEPT="text/html").status_code == 200
    problem(client.get(f"{URL}?cursor=x", HTTP_ACCEPT="application/xml"), 400, "invalid-cursor")


def test_a_fault_of_ours_is_a_500_that_tells_nothing_and_leaves_nothing_behind(cast, client, monkeypatch) -> None:
    def fail_after_writing(view, _request):
        Connection.objects.create(tenant=view.tenant, name="Half-made")
        raise RuntimeError("a secret of the program")

    monkeypatch.setattr(Connections, "post", fail_after_writing)
    client.raise_request_exception = False

    answer = client.post(URL, {"name": "A"}, format="json")

    assert "X-Request-Id" in problem(answer, 500, "server-error")["detail"]
    assert answer["X-Request-Id"]
    assert b"secret" not in answer.content
    with tenant_scope(cast.tenant.pk):
        assert not Connection.objects.exists()
    assert not databases["default"].in_atomic_block


def test_what_a_refused_request_wrote_is_rolled_back(cast, client, monkeypatch) -> None:
    def refuse_after_writing(view, _request):
        from tenants.api.problems import Problem

        Connection.objects.create(tenant=view.tenant, name="Half-made")
        raise Problem("test", "Refused", "Refused in a test.", 409)

    monkeypatch.setattr(Connections, "post", refuse_after_writing)

    problem(client.post(URL, {"name": "A"}, format="json"), 409, "test")

    with tenant_scope(cast.tenant.pk):
        assert not Connection.objects.exists()


def test_every_type_of_problem_is_in_the_reference() -> None:
    reference = (settings.BASE_DIR / "docs" / "reference" / "api.md").read_text()
    raised = {kind for kind, _ in _KNOWN.values()}
    for folder in ("tenants/api", "integrations/api", "portal"):
        for module in (settings.BASE_DIR / folder).glob("*.py"):
            raised |= set(re.findall(r"(?:\bProblem|json_problem)\(\s*\"([a-z-]+)\"", module.read_text()))

    assert raised == set(re.findall(r"^\| `([a-z-]+)` \| \d", reference, re.MULTILINE))


def test_no_answer_is_kept_by_a_cache(client) -> None:
    assert client.get(URL)["Cache-Control"] == "no-store"
    assert client.head(URL).status_code == 200
