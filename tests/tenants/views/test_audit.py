"""The audit log: seen, filtered, taken away as a file that no spreadsheet runs."""

import csv
import json
from io import StringIO

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.audit_export import AT_ONCE, harmless
from tenants.models import AuditEvent
from tenants.scope import tenant_scope


@pytest.fixture
def url(cast) -> str:
    return f"/tenants/{cast.tenant.pk}/audit/"


def note(cast, action: str = "tenant:changed", by: Actor = SYSTEM, **data) -> None:
    with tenant_scope(cast.tenant.pk):
        audit.record(action, by=by, tenant_id=cast.tenant.pk, target=cast.tenant, **data)


def rows(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(b"".join(answer).decode())))


def test_it_says_who_did_what_from_where(cast, sign_in, url) -> None:
    client = sign_in(cast.owner)
    made = client.post(
        f"/tenants/{cast.tenant.pk}/api-tokens/",
        {"name": "Pipeline", "scopes": ["read"], "days": 30},
        REMOTE_ADDR="203.0.113.9",
    )

    shown = client.get(url).content.decode()

    for part in ("API token made", "owner@example.com", "203.0.113.9", made["X-Request-Id"], "Pipeline"):
        assert part in shown


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "198.51.100.1", "203.0.113.9"),  # nobody is trusted: what a client says of itself counts for nothing
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "10.0.0.1", None),  # a proxy fewer than promised: not known
    ],
)
def test_the_address_is_the_one_that_the_trusted_proxies_report(
    cast, sign_in, url, settings, proxies, header, address
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies

    sign_in(cast.owner).post(
        f"/tenants/{cast.tenant.pk}/api-tokens/",
        {"name": "Pipeline", "scopes": ["read"], "days": 30},
        REMOTE_ADDR="203.0.113.9",
        headers={"x-forwarded-for": header},
    )

    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.latest("pk").address == address


def test_the_filter_narrows_page_and_files_alike(cast, sign_in, url) -> None:
    note(cast, "tenant:exported", Actor.user(cast.owner))
    note(cast, "tenant:exported", Actor.user(cast.admin))
    note(cast, "tenant:changed", Actor.user(cast.owner))
    client, query = sign_in(cast.owner), {"action": "tenant:exported", "actor": "ADMIN@"}

    page = client.get(url, query).context["events"]
    from_csv = rows(client.get(f"{url}export.csv", query))
    from_json = json.loads(b"".join(client.get(f"{url}export.json", query)))

    assert [(event.action, event.actor_name) for event in page] == [("page:tenant:exported", cast.admin.email)]
    assert [row["actor_name"] for row in from_csv] == [cast.admin.email]
    assert [row["actor_name"] for row in from_json] == [cast.admin.email]
    assert client.get(url, {"since": "9999-12-31", "until": "9999-12-31"}).context["events"] == []
    assert client.get(url, {"since": "someday"}).status_code == 422


def test_only_ones_own_events_are_in_it(cast, sign_in, url) -> None:
    note(cast, note="ours")

    theirs = sign_in(cast.stranger).get(f"/tenants/{cast.other_tenant.pk}/audit/export.json")

    assert b"ours" not in b"".join(theirs)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_becomes_text(cell) -> None:
    assert harmless(cell) == f"'{cell}"


def test_ordinary_cells_stay_as_they_are() -> None:
    for cell in ("", "owner@example.com", "3 = 3", "page:tenant:created", '{"name": "=x"}'):
        assert harmless(cell) == cell


def test_the_csv_holds_no_formula_whatever_somebody_is_called(cast, sign_in, url) -> None:
    note(cast, by=Actor("user", "1", '=HYPERLINK("http://evil.example")'), note='a"b\nc')

    cells = [cell for row in rows(sign_in(cast.owner).get(f"{url}export.csv")) for cell in row.values()]

    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_many_events_are_paged_and_exported_whole(cast, sign_in, url) -> None:
    with tenant_scope(cast.tenant.pk):
        AuditEvent.objects.bulk_create(
            AuditEvent(
                tenant_id=cast.tenant.pk, action="system:tenant:changed", target_kind="tenant", target_id=str(number)
            )
            for number in range(AT_ONCE + 20)
        )
    client = sign_in(cast.owner)

    with CaptureQueriesContext(database) as queries:
        first = client.get(url)
    second = client.get(url, {"before": first.context["older"]})

    assert len(first.context["events"]) == 50
    assert second.context["events"][0].pk < first.context["events"][-1].pk
    assert len(queries) < 12
    assert len(rows(client.get(f"{url}export.csv"))) >= AT_ONCE + 20


def test_what_staff_open_in_admin_the_customer_sees(cast, sign_in, url) -> None:
    staff = sign_in(cast.staff)
    staff.get("/admin/tenants/tenant/")
    staff.get(f"/admin/tenants/tenant/{cast.tenant.pk}/change/")

    seen = sign_in(cast.owner).get(url).context["events"][0]
    others = sign_in(cast.stranger).get(f"/tenants/{cast.other_tenant.pk}/audit/").context["events"]

    assert (seen.action, seen.actor_name) == ("admin:tenant:viewed_by_staff", cast.staff.email)
    assert seen.target_id == str(cast.tenant.pk)
    assert "viewed_by_staff" not in str([event.action for event in others])
