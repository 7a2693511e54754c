"""Lists: filters, orders, and pages that stay right."""

import re
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.actions.connections import create_connection
from integrations.api import urls
from integrations.models import Connection, CustomerRole, Finding, Verification
from tenants.actions.webhooks import create_endpoint
from tenants.api.base import TenantAPIView
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tenants.webhook_event_types import WebhookEventType

CONNECTIONS = "/api/v1/connections/"
FINDINGS = "/api/v1/findings/"


@pytest.fixture
def client(api, cast):
    return api(cast.owner, cast.tenant)


def names(client, query: str) -> list[str]:
    answer = client.get(f"{CONNECTIONS}?{query}")
    assert answer.status_code == 200, answer.content
    return [connection["name"] for connection in answer.json()["results"]]


@pytest.fixture
def connections(cast) -> list[Connection]:
    with tenant_scope(cast.tenant.pk):
        made = [
            create_connection(tenant=cast.tenant, name=name, account_id=account_id, by=SYSTEM)
            for name, account_id in (("Production", "222233334444"), ("Staging", "333344445555"), ("Archive", ""))
            if account_id
        ]
        made.append(create_connection(tenant=cast.tenant, name="Archive", by=SYSTEM))
        CustomerRole.objects.filter(connection=made[1], component="log-analysis").update(status="degraded")
    return made


def test_connections_are_found_by_what_is_known_of_them(client, connections) -> None:
    client.delete(f"{CONNECTIONS}{connections[2].pk}/")

    assert names(client, "name=prod") == ["Production"]
    assert names(client, "account_id=333344445555") == ["Staging"]
    assert names(client, "role_status=degraded") == ["Staging"]
    assert names(client, "role_status=awaiting&name=stag") == ["Staging"]
    assert names(client, "is_removed=false") == ["Staging", "Production"]
    assert names(client, "is_removed=true") == ["Archive"]


def test_connections_come_in_the_order_that_was_asked_for(client, connections) -> None:
    assert names(client, "") == ["Archive", "Staging", "Production"]
    assert names(client, "ordering=created_at") == ["Production", "Staging", "Archive"]
    assert names(client, "ordering=name") == ["Archive", "Production", "Staging"]
    assert names(client, "ordering=-name") == ["Staging", "Production", "Archive"]


def test_pages_keep_filter_and_order_and_hold_each_entry_once(client, cast) -> None:
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name="Same") for _ in range(7))
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name="Other") for _ in range(3))
    url, seen = f"{CONNECTIONS}?name=same&ordering=name&page_size=2", []

    while url:
        page = client.get(url).json()
        seen += [entry["id"] for entry in page["results"]]
        url = page["next"]

    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("colour=blue", "#/colour"),
        ("role_status=painted", "#/role_status"),
        ("ordering=external_id", "#/ordering"),
        ("is_removed=perhaps", "#/is_removed"),
        ("name=a&name=b", "#/name"),
        ("account_id=2222333344445", "#/account_id"),
        ("page_size=0", "#/page_size"),
        ("page_size=201", "#/page_size"),
        ("page_size=many", "#/page_size"),
        (f"page_size={'9' * 5000}", "#/page_size"),
    ],
)
def test_a_parameter_that_cannot_be_followed_is_refused(client, query, pointer) -> None:
    answer = client.get(f"{CONNECTIONS}?{query}")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_cursor_of_another_order_is_refused_or_followed_but_no_fault(client, connections) -> None:
    cursor = re.search(r"cursor=([^&]+)", client.get(f"{CONNECTIONS}?ordering=name&page_size=1").json()["next"])[1]

    assert client.get(f"{CONNECTIONS}?cursor={cursor}&page_size=1").status_code in {200, 400}


@pytest.fixture
def verifications(cast, connections) -> list[Verification]:
    """Of the first connection an older and a newer one, of the second one; each found something."""
    with tenant_scope(cast.tenant.pk):
        made = []
        for connection in (connections[0], connections[0], connections[1]):
            verification = Verification.objects.create(
                tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
            )
            for outcome, who in (("passed", "nobody"), ("denied", "customer")):
                Finding.objects.create(
                    tenant=cast.tenant,
                    verification=verification,
                    component="log-analysis",
                    check_code="probe",
                    outcome=outcome,
                    who=who,
                )
            made.append(verification)
    return made


def found(client, query: str) -> list[tuple[str, str]]:
    answer = client.get(f"{FINDINGS}?{query}")
    assert answer.status_code == 200, answer.content
    return [(entry["verification_id"], entry["outcome"]) for entry in answer.json()["results"]]


def test_findings_come_across_connections_and_by_what_is_to_be_done_now(client, connections, verifications) -> None:
    old, new, other = (str(verification.pk) for verification in verifications)

    assert len(found(client, "")) == 6
    assert found(client, "")[0] == (other, "denied"), "the latest comes first"
    assert found(client, "latest=true&outcome=denied") == [(other, "denied"), (new, "denied")]
    assert found(client, "latest=false&outcome=denied") == [(old, "denied")]
    assert {one for one, _ in found(client, f"connection={connections[1].pk}")} == {other}
    assert found(client, f"verification={old}&who=customer") == [(old, "denied")]
    assert found(client, "component=compute-analysis") == []


def test_fifty_findings_take_as_many_queries_as_one(client, cast, verifications) -> None:
    client.get(FINDINGS)  # which notes when the token was last used
    with CaptureQueriesContext(database) as few:
        client.get(FINDINGS)
    with tenant_scope(cast.tenant.pk):
        Finding.objects.bulk_create(
            Finding(
                tenant=cast.tenant,
                verification=verifications[0],
                component="log-analysis",
                check_code="probe",
                outcome="denied",
                who="customer",
            )
            for _ in range(44)
        )

    with CaptureQueriesContext(database) as many:
        assert len(client.get(FINDINGS).json()["results"]) == 50

    assert len(many) == len(few)


def test_every_list_has_filters_and_refuses_what_it_does_not_know(client, cast, connections) -> None:
    with tenant_scope(cast.tenant.pk):
        endpoint, _ = create_endpoint(
            tenant=cast.tenant, url="https://hooks.example.com/", event_types=list(WebhookEventType), by=SYSTEM
        )
    views: dict[Any, Any] = {pattern: getattr(pattern.callback, "cls", object) for pattern in urls.urlpatterns}
    of_tenants = [pattern for pattern, view in views.items() if issubclass(view, TenantAPIView)]
    lists = [pattern for pattern in of_tenants if views[pattern].pagination_class]
    assert len(lists) > 10

    for pattern in lists:
        route = str(pattern.pattern).replace("<uuid:connection_id>", str(connections[0].pk))
        route = route.replace("<uuid:endpoint_id>", str(endpoint.pk))
        assert client.get(f"/api/v1/{route}").status_code == 200, route
        assert client.get(f"/api/v1/{route}?colour=blue").status_code == 400, route
