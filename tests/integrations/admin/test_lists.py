"""What every list for staff does: it answers any search, counts, is noted, and stays quick."""

import pytest
from django.contrib import admin
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection
from tenants.models import AuditEvent
from tenants.scope import staff_scope, tenant_scope
from tests.integrations.admin.builders import LIST, connect, verified


@pytest.mark.parametrize("term", ["foo", "%", "'", "x" * 5000, "0b8f6d9e-7c1a-4a57-9d0e-2f5a6c3b1e44", "@", "@@"])
def test_any_search_gets_an_answer(cast, staff, term) -> None:
    for model in admin.site._registry:
        answer = staff.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/", {"q": term})
        assert answer.status_code == (400 if "\x00" in term else 200), model


def test_a_long_list_is_estimated_and_its_pages_are_right(cast, staff, monkeypatch) -> None:
    monkeypatch.setattr("tenants.admin.COUNTED_TO", 60)
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name=f"{n:03}") for n in range(130))
    with databases["owner"].cursor() as cursor:
        cursor.execute("ANALYZE integrations_connection")

    seen = [
        connection.name
        for page in ("1", "2", "3")
        for connection in staff.get(LIST, {"p": page}).context["cl"].result_list
    ]

    assert staff.get(LIST).context["cl"].result_count >= 60
    assert staff.get(LIST, {"status": "unsafe"}).context["cl"].result_count == 0
    assert sorted(seen) == [f"{n:03}" for n in range(130)]


def test_a_list_that_staff_open_stands_in_the_installations_audit_events(cast, staff) -> None:
    connect(cast.tenant)

    staff.get(LIST, {"q": "viewer@example.com", "p": "1"})
    staff.get("/admin/integrations/emergencystop/")

    with staff_scope():
        (seen,) = AuditEvent.objects.filter(action="admin:staff:list_viewed")
    assert (seen.tenant_id, seen.actor_name, seen.data) == (
        None,
        cast.staff.email,
        {"list": "connection", "page": "1", "searched": True},
    )


@pytest.mark.parametrize(
    "url", [LIST, "/admin/integrations/verification/", "/admin/tenants/tenant/", "/admin/tenants/auditevent/"]
)
def test_a_list_takes_as_many_queries_for_fifty_as_for_one(cast, staff, url) -> None:
    def queries() -> int:
        with CaptureQueriesContext(databases["staff"]) as captured:
            assert staff.get(url).status_code == 200
        return len(captured)

    verified(connect(cast.tenant), {"outcome": "denied", "who": "customer"})
    queries()
    with_one = queries()
    for _ in range(49):
        verified(connect(cast.tenant), {"outcome": "denied", "who": "customer"})

    # A list of several pages finds the keys of the page first.
    assert queries() <= with_one + 1
    assert with_one <= 12
