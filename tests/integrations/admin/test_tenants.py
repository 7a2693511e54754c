"""Staff find an organisation by its people, and see on its page who must act."""

import re

import pytest
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext

from integrations.models import Status
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import ApiToken
from tenants.scope import tenant_scope
from tests.integrations.admin.builders import LIST, connect, set_statuses, verified


@pytest.mark.parametrize("term", ["viewer@example.com", "VIEWER@", "@example.com"])
def test_tenants_members_and_tokens_are_found_by_an_address_each_once(cast, staff, term) -> None:
    with tenant_scope(cast.tenant.pk):
        create_token(tenant=cast.tenant, name="Pipeline", user=cast.viewer, by=SYSTEM)

    for model, more in (("tenant", 0), ("member", 2 if term.startswith("@") else 0), ("apitoken", 0)):
        rows = staff.get(f"/admin/tenants/{model}/", {"q": term}).context["cl"].result_list
        assert len(rows) == 1 + more, model
        assert staff.get(f"/admin/tenants/{model}/", {"q": "@nowhere.example"}).context["cl"].result_count == 0


def test_a_tenants_page_shows_its_connections_with_who_must_act(cast, staff) -> None:
    connection = connect(cast.tenant)
    set_statuses(connection, log_analysis=Status.DEGRADED)
    verification = verified(
        connection,
        {"outcome": "passed"},
        {"outcome": "denied", "who": "customer", "fix": "Deploy the current role template again."},
        {"outcome": "error", "who": "vendor"},
    )

    (tenant,) = staff.get("/admin/tenants/tenant/", {"q": "owner@example.com"}).context["cl"].result_list
    page = staff.get(f"/admin/tenants/tenant/{tenant.pk}/change/").content.decode()
    detail = staff.get(f"{LIST}{connection.pk}/change/").content.decode()

    assert (tenant.connection_count, tenant.member_count) == (1, 3)
    for text in (connection.account_id, "Degraded", "Customer, Vendor", str(verification.pk), cast.viewer.email):
        assert text in page
    for text in (connection.external_id, "Customer: Found. Deploy the current role template again."):
        assert text in detail
    assert "To the administrator of AWS account 222233334444:" in page
    assert "To the administrator of AWS account 222233334444:" in detail


def test_a_tenants_page_shows_the_last_verification_hop_by_hop(cast, staff) -> None:
    connection = connect(cast.tenant)
    verified(connection, {"outcome": "denied", "check_code": "chain.base_to_component"})
    verified(
        connection,
        {"outcome": "passed", "check_code": "chain.component_to_integration"},
        {"outcome": "denied", "check_code": "chain.integration_to_customer", "who": "customer", "fix": "Deploy it."},
    )

    for url in (f"/admin/tenants/tenant/{cast.tenant.pk}/change/", f"{LIST}{connection.pk}/change/"):
        page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", staff.get(url).content.decode()))
        assert "Production, log-analysis: to B Passed → to C Denied" in page
        assert "to A" not in page, "of the verification before"


def test_another_tenants_things_are_no_choice(cast, staff) -> None:
    with tenant_scope(cast.other_tenant.pk):
        token, _ = create_token(tenant=cast.other_tenant, name="Theirs", user=cast.stranger, by=SYSTEM)

    data = {"chosen": str(token.pk), "reason": "Test"}
    answer = staff.post(f"/admin/tenants/tenant/{cast.tenant.pk}/revoke-token/", data)

    assert answer.status_code == 422
    with tenant_scope(cast.other_tenant.pk):
        assert ApiToken.objects.get().revoked_at is None


def test_a_tenants_page_takes_as_many_queries_for_twenty_connections_as_for_one(cast, staff) -> None:
    def queries() -> int:
        with CaptureQueriesContext(databases["staff"]) as captured:
            assert staff.get(f"/admin/tenants/tenant/{cast.tenant.pk}/change/").status_code == 200
        return len(captured)

    verified(connect(cast.tenant))
    queries()  # what a process asks once
    with_one = queries()
    for _ in range(19):
        verified(connect(cast.tenant))

    assert queries() == with_one
