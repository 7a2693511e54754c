"""Staff find a connection by what customers write to them, and see on its page what helps."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.actions.external_id_rotations import cancel_rotation, start_rotation
from integrations.models import Connection, ProvedAccount, Status
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.integrations.admin.builders import LIST, connect, found, set_statuses


@pytest.mark.parametrize(
    "term",
    [
        lambda connection: connection.account_id,
        lambda _: "2222-3333-4444",
        lambda connection: connection.external_id,
        lambda connection: f"rolebridge-{connection.reference}-log-analysis",
        lambda connection: f"arn:aws:iam::222233334444:role/rolebridge-{connection.reference}-log-analysis",
        lambda _: "blue harb",
        lambda _: "viewer@example.com",
        lambda _: "Viewer@",
        lambda _: "@Example.com",
    ],
    ids=[
        "account id",
        "account id with dashes",
        "external ID",
        "role name",
        "role ARN",
        "tenant",
        "email address",
        "beginning of an address",
        "domain of an address",
    ],
)
def test_a_connection_is_found_by_what_customers_write(cast, staff, term: Callable[[Connection], str]) -> None:
    wanted = connect(cast.tenant, "Wanted")
    connect(cast.other_tenant, "Other", "999988887777")

    assert found(staff, q=term(wanted)) == {"Wanted"}


def test_a_search_that_fits_too_many_organisations_says_so(cast, staff, monkeypatch) -> None:
    monkeypatch.setattr("integrations.admin.connections.MOST_TENANTS", 0)

    page = staff.get(LIST, {"q": "@example.com"}).content.decode()

    assert "More than 0 organisations fit" in page


def test_a_role_is_found_by_an_arn_of_any_name(cast, staff) -> None:
    wanted = connect(cast.tenant, "Wanted")
    connect(cast.other_tenant, "Other")
    with tenant_scope(cast.tenant.pk):
        Connection.objects.filter(pk=wanted.pk).update(role_name_pattern="Acme", role_path="/legacy/")

    assert found(staff, q="arn:aws:iam::222233334444:role/legacy/Acme") == {"Wanted"}
    assert found(staff, q="arn:aws:iam::222233334444:role/Acme") == set()


def test_a_connection_is_found_by_the_vendors_own_number(cast, staff) -> None:
    connect(cast.tenant, "Wanted")
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(customer_number="C-1001")

    assert found(staff, q="C-1001") == {"Wanted"}
    assert found(staff, q="C-100") == set()


def test_connections_are_filtered_by_status_age_and_account_conflict(cast, staff) -> None:
    unsafe, old, conflict = (connect(cast.tenant, name, f"22223333444{number}") for number, name in enumerate("ABC"))
    set_statuses(unsafe, log_analysis=Status.UNSAFE, compute_analysis=Status.CONNECTED)
    with tenant_scope(cast.tenant.pk):
        old.roles.update(status_since=timezone.now() - timedelta(days=4))
    theirs = connect(cast.other_tenant, "Theirs", conflict.account_id)
    with tenant_scope(cast.other_tenant.pk):
        ProvedAccount.objects.create(account_id=conflict.account_id, tenant=cast.other_tenant, connection=theirs)

    assert found(staff, status="unsafe") == {"A"}
    assert found(staff, status="awaiting") == {"B", "C", "Theirs"}
    assert found(staff, **{"for": "72"}) == {"B"}
    assert found(staff, conflict="yes") == {"C"}
    assert found(staff, **{"for": "nonsense", "status": "unsafe"}) == {"A"}


def test_a_connections_page_shows_its_rotations_with_who_and_when_and_changes_none(cast, staff) -> None:
    connection = connect(cast.tenant)
    with tenant_scope(cast.tenant.pk):
        called_off, _ = start_rotation(connection=connection, by=Actor.user(cast.owner))
        cancel_rotation(connection=connection, by=SYSTEM)
        rotation, _ = start_rotation(connection=connection, by=Actor.user(cast.admin))

    page = staff.get(f"{LIST}{connection.pk}/change/").content.decode()

    assert called_off.new_external_id in page
    assert rotation.new_external_id in page
    assert "Moving" in page
    assert "Cancelled" in page
    assert f"by {cast.owner.email}" in page
    assert f"by {cast.admin.email}" in page
    assert f"{rotation.started_at:%Y-%m-%d %H:%M}" in page
    assert f'value="{rotation.new_external_id}"' not in page


def test_an_account_that_another_tenant_proved_is_shown_to_staff(cast, staff) -> None:
    mine, theirs = connect(cast.tenant), connect(cast.other_tenant)
    with tenant_scope(cast.other_tenant.pk):
        ProvedAccount.objects.create(account_id=mine.account_id, tenant=cast.other_tenant, connection=theirs)

    assert "Proved by Red Mill" in staff.get(f"{LIST}{mine.pk}/change/").content.decode()
    assert "Proved by" not in staff.get(f"{LIST}{theirs.pk}/change/").content.decode()
