"""The dashboard, with few connections and with many."""

import re
from datetime import timedelta

import pytest
from django.core.paginator import Paginator
from django.db import connection as database
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.emergency_stop import start_stop
from integrations.models import Connection, CustomerRole, Status, Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope

LATER = timedelta(hours=5)


@pytest.fixture
def address(cast) -> str:
    """The list."""
    return f"/tenants/{cast.tenant.pk}/connections/"


@pytest.fixture
def fleet(cast) -> dict[str, Connection]:
    """A connection for each status, by it; one role has the status, and all are connected otherwise."""
    made = {}
    with tenant_scope(cast.tenant.pk):
        for number, status in enumerate(Status.values):
            one = (
                create_connection(
                    tenant=cast.tenant, name=f"Fleet {status}", account_id=f"{number + 1}" * 12, by=SYSTEM
                )
                if number
                else create_connection(tenant=cast.tenant, name=f"Fleet {status}", by=SYSTEM)
            )
            others = status if status in {"paused", "removing", "removed"} else "connected"
            CustomerRole.objects.filter(connection=one).update(status=others)
            CustomerRole.objects.filter(connection=one, component="log-analysis").update(status=status)
            made[status] = one
        Connection.objects.update(next_verification_at=timezone.now() + LATER)
    return made


def names_on(page: str) -> list[str]:
    return re.findall(r"<h2><a [^>]+>(Fleet \w+)</a>", page)


def due(cast) -> set[str]:
    """The names of those that are verified next."""
    with tenant_scope(cast.tenant.pk):
        soon = Connection.objects.filter(next_verification_at__lte=timezone.now(), asked_at__isnull=False)
        return set(soon.values_list("name", flat=True))


class TestShown:
    def test_the_worst_come_first_where_that_is_asked_for(self, cast, sign_in, address, fleet) -> None:
        page = sign_in(cast.viewer).get(address, {"sort": "urgent"}).content.decode()

        order = ["unsafe", "unreachable", "degraded", "awaiting", "connected", "removing", "paused", "removed"]
        assert names_on(page) == [f"Fleet {status}" for status in order]

    @pytest.mark.parametrize("status", Status.values)
    def test_a_status_finds_its_connections_and_no_others(self, cast, sign_in, address, fleet, status) -> None:
        page = sign_in(cast.viewer).get(address, {"status": status}).content.decode()

        assert names_on(page) == [f"Fleet {status}"]

    @pytest.mark.parametrize("text", ["fleet unsafe", "5555-5555", "555555555555", "their external ID"])
    def test_a_search_finds_names_accounts_and_external_ids(self, cast, sign_in, address, fleet, text) -> None:
        wanted = fleet["unsafe"]
        text = wanted.external_id if text == "their external ID" else text

        page = sign_in(cast.viewer).get(address, {"q": text}).content.decode()

        assert names_on(page) == ["Fleet unsafe"]

    def test_the_longest_unverified_come_first_where_that_is_asked_for(self, cast, sign_in, address, fleet) -> None:
        with tenant_scope(cast.tenant.pk):
            for days, status in enumerate(Status.values[1:]):
                Verification.objects.create(
                    tenant=cast.tenant,
                    connection=fleet[status],
                    state="completed",
                    finished_at=timezone.now() - timedelta(days=days),
                )

        page = sign_in(cast.viewer).get(address, {"sort": "longest"}).content.decode()

        assert names_on(page) == [f"Fleet {status}" for status in ["awaiting", *reversed(Status.values[1:])]]
        assert "next: name your AWS account" in page

    def test_what_fits_nothing_says_so_and_leads_back(self, cast, sign_in, address, fleet) -> None:
        page = sign_in(cast.viewer).get(address, {"q": "<b>nothing"}).content.decode()

        assert "No connection fits this filter" in page
        assert "&lt;b&gt;nothing" in page
        assert f'href="{address}"' in page

    def test_a_crafted_filter_is_answered_as_one(self, cast, sign_in, address, fleet) -> None:
        client = sign_in(cast.viewer)

        assert client.get(address, {"status": "sunny", "sort": "by-moon"}).status_code == 422
        assert client.get(address, {"page": "many"}).status_code == 200

    def test_a_viewer_is_offered_no_ticks(self, cast, sign_in, address, fleet) -> None:
        page = sign_in(cast.viewer).get(address).content.decode()

        assert 'type="checkbox"' not in page
        assert "Verify the" not in page

    def test_a_count_beyond_a_thousand_is_written_with_a_comma(self, cast, sign_in, address) -> None:
        with tenant_scope(cast.tenant.pk):
            Connection.objects.bulk_create(
                Connection(tenant=cast.tenant, name=f"Fleet {number}", worst_status=Status.UNREACHABLE)
                for number in range(1234)
            )

        page = sign_in(cast.owner).get(address).content.decode()

        assert "Verify the 1,234 failed ones again" in page
        pages = render_to_string("components/pages.html", {"page": Paginator(range(1234), 1).get_page(1001)})
        assert "Page 1,001 of 1,234" in pages

    def test_many_come_in_pages_that_keep_the_filter_at_the_same_cost(self, cast, sign_in, address) -> None:
        with tenant_scope(cast.tenant.pk):
            Connection.objects.bulk_create(
                Connection(tenant=cast.tenant, name=f"Fleet {number}", account_id="222233334444")
                for number in range(120)
            )
        client = sign_in(cast.owner)

        with CaptureQueriesContext(database) as queries:
            page = client.get(address, {"q": "fleet", "page": "3", "sort": "name"}).content.decode()

        assert len(names_on(page)) == 20
        assert "Page 3 of 3" in page
        assert "?q=fleet&amp;sort=name&amp;page=2" in page
        assert len(queries) <= 12


class TestVerifyMany:
    def test_the_ticked_are_verified_and_no_others(self, cast, sign_in, address, fleet) -> None:
        ticked = [fleet[status].pk for status in ("connected", "degraded", "awaiting", "paused", "removed")]

        answer = sign_in(cast.admin).post(
            f"{address}verify/?sort=name", {"which": "connections", "connections": ticked}
        )

        assert answer["Location"] == f"{address}?sort=name"
        assert due(cast) == {"Fleet connected", "Fleet degraded"}  # the rest have no account, or are out of use

    def test_the_failed_are_those_that_did_not_pass(self, cast, sign_in, address, fleet) -> None:
        page = sign_in(cast.owner).post(f"{address}verify/", {"which": "failed"}, follow=True).content.decode()

        assert due(cast) == {"Fleet unsafe", "Fleet unreachable", "Fleet degraded"}
        assert "3 connections are verified now" in page

    def test_a_second_press_does_nothing_twice(self, cast, sign_in, address, fleet) -> None:
        client = sign_in(cast.owner)
        client.post(f"{address}verify/", {"which": "failed"})

        page = client.post(f"{address}verify/", {"which": "failed"}, follow=True).content.decode()

        assert "Nothing new to do" in page
        with tenant_scope(cast.tenant.pk):
            (event,) = AuditEvent.objects.filter(action="page:connection:verifications_requested")
        assert (event.data["count"], event.actor_name) == (3, "owner@example.com")

    def test_what_is_being_verified_is_left_alone(self, cast, sign_in, address, fleet) -> None:
        with tenant_scope(cast.tenant.pk):
            Verification.objects.create(tenant=cast.tenant, connection=fleet["unsafe"], state="queued")

        sign_in(cast.owner).post(f"{address}verify/", {"which": "failed"})

        assert due(cast) == {"Fleet unreachable", "Fleet degraded"}

    def test_another_tenants_connection_is_nobody(self, cast, sign_in, fleet) -> None:
        address = f"/tenants/{cast.other_tenant.pk}/connections/verify/"

        sign_in(cast.stranger).post(address, {"which": "connections", "connections": [fleet["degraded"].pk]})

        assert due(cast) == set()

    @pytest.mark.parametrize("data", [{}, {"which": "connections"}, {"which": "connections", "connections": ["x"]}])
    def test_without_a_tick_it_says_what_to_do(self, cast, sign_in, address, fleet, data) -> None:
        page = sign_in(cast.owner).post(f"{address}verify/", data, follow=True).content.decode()

        assert "Tick the connections to verify first." in page
        assert due(cast) == set()

    def test_while_all_access_is_paused_it_says_so(self, cast, sign_in, address, fleet, broker) -> None:
        start_stop(reason="Test", by=SYSTEM)

        page = sign_in(cast.owner).post(f"{address}verify/", {"which": "failed"}, follow=True).content.decode()

        assert "We have paused all access to AWS accounts for now." in page
        assert due(cast) == set()


def test_what_is_going_has_no_next_step(cast, sign_in, address) -> None:
    with tenant_scope(cast.tenant.pk):
        going = create_connection(tenant=cast.tenant, name="Going", account_id="222233334444", by=SYSTEM)
        Connection.objects.filter(pk=going.pk).update(removal_requested_at=timezone.now())

    page = sign_in(cast.owner).get(address).content.decode()

    assert "Going" in page
    assert "next:" not in page
