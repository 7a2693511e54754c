"""What only a page could do once: the statement of removed access, a report, many verifications, the search."""

import base64
import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.offboarding import request_removal
from integrations.models import Connection, CustomerRole, Status, Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.permissions import Scope
from tenants.scope import tenant_scope

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

API = "/api/v1/"


def connection_of(tenant, name: str, *, status: str = "connected", account_id: str = "222233334444") -> Connection:
    """A connection whose roles have that status, and whose next verification is hours away."""
    with tenant_scope(tenant.pk):
        made = create_connection(tenant=tenant, name=name, account_id=account_id, by=SYSTEM)
        CustomerRole.objects.filter(connection=made).update(status=status)
        later = timezone.now() + timedelta(hours=5)
        Connection.objects.filter(pk=made.pk).update(next_verification_at=later, asked_at=None)
    return made


def due(tenant) -> set[str]:
    """The names of those that are verified next."""
    with tenant_scope(tenant.pk):
        return set(
            Connection.objects.filter(next_verification_at__lte=timezone.now(), asked_at__isnull=False).values_list(
                "name", flat=True
            )
        )


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


class TestTheStatementOfRemovedAccess:
    def test_it_is_there_once_access_is_proved_gone(self, api, cast) -> None:
        connection = connection_of(cast.tenant, "Production", status=Status.REMOVED)
        client, url = api(cast.viewer, cast.tenant), f"{API}connections/{connection.pk}/removal-statement/"
        early = client.get(url)
        at = timezone.now()
        with tenant_scope(cast.tenant.pk):
            Connection.objects.update(removal_requested_at=at, removed_at=at)
            CustomerRole.objects.update(removed_at=at)

        statement = client.get(url).json()

        assert problem(early) == (409, "not-removed")
        assert (statement["organisation"], statement["account_id"]) == ("Blue Harbour", "222233334444")
        assert statement["external_ids"] == [connection.external_id]
        assert statement["was_open"] is True
        assert len(statement["roles"]) == 3
        assert {role["removed_at"] for role in statement["roles"]} == {statement["removed_at"]}
        assert all(role["arn"].startswith("arn:aws:iam::222233334444:role/") for role in statement["roles"])

    def test_what_was_never_used_never_let_us_in(self, api, cast) -> None:
        with tenant_scope(cast.tenant.pk):
            connection = create_connection(tenant=cast.tenant, name="Mistake", by=SYSTEM)
            request_removal(connection=connection, by=SYSTEM)

        statement = api(cast.owner, cast.tenant).get(f"{API}connections/{connection.pk}/removal-statement/").json()

        assert (statement["was_open"], statement["account_id"]) == (False, "")
        assert statement["removed_at"] is not None

    def test_another_tenants_is_unknown(self, api, cast) -> None:
        connection = connection_of(cast.tenant, "Production")

        answer = api(cast.stranger, cast.other_tenant).get(f"{API}connections/{connection.pk}/removal-statement/")

        assert problem(answer) == (404, "not-found")


class TestTheReport:
    @pytest.fixture
    def verification(self, cast) -> Verification:
        connection = connection_of(cast.tenant, "Production")
        with tenant_scope(cast.tenant.pk):
            return Verification.objects.create(
                tenant=cast.tenant, connection=connection, state="completed", requested_by="owner@example.com"
            )

    def test_it_is_the_file_of_the_page_byte_for_byte(self, api, cast, sign_in, verification) -> None:
        page = f"/tenants/{cast.tenant.pk}/connections/{verification.connection_id}/verifications/{verification.pk}/"

        answer = api(cast.viewer, cast.tenant).get(f"{API}verifications/{verification.pk}/report/")

        assert answer.content == sign_in(cast.viewer).get(f"{page}report.json").content
        digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
        assert answer["Repr-Digest"] == f"sha-256=:{digest}:"
        assert answer["Content-Type"] == "application/json"

    def test_there_is_none_before_a_verdict_and_none_of_another_tenant(self, api, cast, verification) -> None:
        url = f"{API}verifications/{verification.pk}/report/"
        foreign = api(cast.stranger, cast.other_tenant).get(url)
        with tenant_scope(cast.tenant.pk):
            Verification.objects.update(state="failed")

        assert problem(foreign) == (404, "not-found")
        assert problem(api(cast.owner, cast.tenant).get(url)) == (409, "no-verdict")


class TestManyVerifications:
    def test_some_are_asked_for_and_none_of_another_tenant(self, api, cast) -> None:
        one, two = (connection_of(cast.tenant, name) for name in ("One", "Two"))
        foreign = connection_of(cast.other_tenant, "Foreign")
        ids = [str(one.pk), str(foreign.pk), str(uuid4())]

        answer = api(cast.admin, cast.tenant).post(f"{API}verifications/", {"connections": ids}, format="json")

        assert (answer.status_code, answer.json()) == (202, {"count": 1})
        assert due(cast.tenant) == {"One"}
        assert due(cast.other_tenant) == set()
        with tenant_scope(cast.tenant.pk):
            event = AuditEvent.objects.latest("pk")
        assert event.action == "api:connection:verifications_requested"
        assert event.data["connections"] == [str(one.pk)]
        assert two.name not in due(cast.tenant)

    def test_all_that_did_not_pass_are_asked_for(self, api, cast) -> None:
        for status in ("connected", "unsafe", "degraded", "unreachable", "paused"):
            connection_of(cast.tenant, status, status=status)

        answer = api(cast.admin, cast.tenant).post(f"{API}verifications/", {"failed": True}, format="json")

        assert answer.json() == {"count": 3}
        assert due(cast.tenant) == {"unsafe", "degraded", "unreachable"}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"failed": False},
            {"failed": True, "connections": [str(uuid4())]},
            {"connections": []},
            {"connections": ["x"]},
            {"connections": "all"},
        ],
    )
    def test_what_says_neither_or_both_is_refused(self, api, cast, body) -> None:
        connection_of(cast.tenant, "One", status="unsafe")

        answer = api(cast.owner, cast.tenant).post(f"{API}verifications/", body, format="json")

        assert problem(answer) == (400, "invalid")
        assert due(cast.tenant) == set()

    def test_it_takes_the_scope_and_the_role(self, api, cast) -> None:
        reads = api(cast.owner, cast.tenant, [Scope.READ, Scope.MANAGE])

        assert problem(reads.post(f"{API}verifications/", {"failed": True}, format="json")) == (403, "missing-scope")
        viewer = api(cast.viewer, cast.tenant)
        assert problem(viewer.post(f"{API}verifications/", {"failed": True}, format="json")) == (403, "forbidden")


class TestTheSearch:
    def names(self, client, query: str) -> set[str]:
        return {one["name"] for one in client.get(f"{API}connections/?{query}").json()["results"]}

    def test_it_finds_what_the_page_finds(self, api, cast) -> None:
        one = connection_of(cast.tenant, "Harbour", account_id="123412341234")
        connection_of(cast.tenant, "Mill")
        foreign = connection_of(cast.other_tenant, "Foreign")
        client = api(cast.viewer, cast.tenant)

        for text in ("harb", "1234-1234-1234", "3412", one.external_id, one.reference):
            assert self.names(client, f"search={text}") == {"Harbour"}, text
        assert self.names(client, f"search={foreign.external_id}") == set()

    def test_it_filters_by_the_status_that_is_shown(self, api, cast) -> None:
        connection_of(cast.tenant, "Well")
        worse = connection_of(cast.tenant, "Worse")
        with tenant_scope(cast.tenant.pk):
            CustomerRole.objects.filter(connection=worse, component="log-analysis").update(status="degraded")
        client = api(cast.viewer, cast.tenant)

        assert self.names(client, "status=degraded") == {"Worse"}
        assert self.names(client, "status=connected") == {"Well"}
        assert client.get(f"{API}connections/?status=fine").status_code == 400
