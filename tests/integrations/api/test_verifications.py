"""Verifications through the API: asked for, followed, refused."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from integrations.actions import verification_runs
from integrations.actions.connections import create_connection
from integrations.actions.verifications import request_verification
from integrations.aws.report import RoleReport
from integrations.models import Connection, CustomerRole, Finding, ProvedAccount, Verification
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.brokers import AWAY, use_broker

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


def url(connection_id) -> str:
    return f"/api/v1/connections/{connection_id}/verifications/"


@pytest.fixture
def connection(cast):
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="Production", account_id="123456789012", by=SYSTEM)


def test_a_verification_is_asked_for_once_however_often(api, cast, connection) -> None:
    client = api(cast.admin, cast.tenant)

    first, second = client.post(url(connection.pk)), client.post(url(connection.pk), {}, format="json")

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first["Location"] == second["Location"] == f"/api/v1/verifications/{first.json()['id']}/"
    shown = client.get(first["Location"]).json()
    assert (shown["state"], shown["connection_id"], shown["findings"]) == ("queued", str(connection.pk), [])
    assert shown["requested_by"].startswith("Test (rbt_")
    assert [row["id"] for row in client.get(url(connection.pk)).json()["results"]] == [shown["id"]]
    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.filter(action="api:verification:requested").count() == 1


@pytest.mark.parametrize(
    ("account_id", "components", "says"),
    [("", None, "12-digit id"), ("123456789012", [], "at least one component")],
)
def test_a_connection_that_lacks_something_is_a_409(api, cast, account_id, components, says) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="New", account_id=account_id, components=components, by=SYSTEM
        )

    answer = api(cast.owner, cast.tenant).post(url(connection.pk))

    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:rolebridge:problem:not-ready"
    assert says in answer.json()["detail"]
    with tenant_scope(cast.tenant.pk):
        assert not Verification.objects.exists()


def test_with_the_queue_away_the_program_is_told_and_nothing_stays_queued(api, cast, connection, monkeypatch) -> None:
    client = api(cast.owner, cast.tenant)

    with monkeypatch.context() as patch:
        use_broker(patch, AWAY)
        answer = client.post(url(connection.pk))

    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "30"
    assert answer.json()["type"] == "urn:rolebridge:problem:queue-unavailable"
    (left,) = client.get(url(connection.pk)).json()["results"]
    assert (left["state"], left["failure"]) == ("failed", "queue_unavailable")
    assert client.post(url(connection.pk)).json()["state"] == "queued"


@pytest.mark.parametrize(
    ("where", "given"),
    [
        ("", {"account_id": "999988887777"}),
        ("role-options/", {"name_pattern": "other-{connection}-{component}"}),
        ("role-options/", {"path": "/other/"}),
    ],
)
def test_f11_what_is_given_while_a_verification_runs_is_not_proved_by_it(
    api, cast, connection, monkeypatch, where, given
) -> None:
    client = api(cast.owner, cast.tenant)
    verification = client.post(url(connection.pk)).json()
    changed = []

    def find_all_well_in_the_first_account(claim):
        address = f"/api/v1/connections/{connection.pk}/{where}"
        changed.append(client.patch(address, given, format="json").status_code)
        reports = [
            RoleReport(
                component=target.component.id,
                findings=(),
                assumable=True,
                refused=False,
                external_id_enforced=True,
                permissions_ok=True,
                vendor_fault=False,
            )
            for target in [job.target for job in claim.jobs]
        ]
        return reports, []

    monkeypatch.setattr(verification_runs, "_verify", find_all_well_in_the_first_account)

    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=UUID(verification["id"]))

    shown = client.get(f"/api/v1/connections/{connection.pk}/").json()
    assert changed == [200]
    assert shown["status"] == "awaiting"
    assert (shown["last_verification"]["state"], shown["last_verification"]["failure"]) == ("failed", "account_changed")
    with tenant_scope(cast.tenant.pk):
        assert not ProvedAccount.objects.exists()
        assert not CustomerRole.objects.filter(passes__gt=0).exists()


def test_a_body_with_anything_in_it_is_refused(api, cast, connection) -> None:
    answer = api(cast.owner, cast.tenant).post(url(connection.pk), {"external_id": "x"}, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/external_id"
    with tenant_scope(cast.tenant.pk):
        assert not Verification.objects.exists()


def test_reachability_alone_can_be_asked_for(api, cast, connection) -> None:
    client = api(cast.owner, cast.tenant)

    asked = client.post(url(connection.pk), {"checks": "reachability"}, format="json")
    whole = client.post(url(connection.pk), {"checks": "all"}, format="json")

    assert (asked.status_code, asked.json()["checks"]) == (202, "reachability")
    assert (whole.json()["id"], whole.json()["checks"]) == (asked.json()["id"], "all")


def test_checks_that_do_not_exist_are_refused(api, cast, connection) -> None:
    answer = api(cast.owner, cast.tenant).post(url(connection.pk), {"checks": "none"}, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/checks"


def test_a_viewer_follows_verifications_and_asks_for_none(api, cast, connection) -> None:
    verification = api(cast.owner, cast.tenant).post(url(connection.pk))
    client = api(cast.viewer, cast.tenant)

    assert client.post(url(connection.pk)).status_code == 403
    assert client.get(url(connection.pk)).status_code == client.get(verification["Location"]).status_code == 200


def test_another_tenants_verifications_are_unknown(api, cast, connection) -> None:
    verification = api(cast.owner, cast.tenant).post(url(connection.pk)).json()["id"]
    stranger = api(cast.stranger, cast.other_tenant)

    for method, ours, nobodys in (
        ("get", url(connection.pk), url(uuid4())),
        ("post", url(connection.pk), url(uuid4())),
        ("get", f"/api/v1/verifications/{verification}/", f"/api/v1/verifications/{uuid4()}/"),
    ):
        answers = [getattr(stranger, method)(address) for address in (ours, nobodys)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()


def test_findings_are_shown_whole_to_the_customer(api, cast, connection) -> None:
    denied_by = "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-abcdefghij/p-1"
    with tenant_scope(cast.tenant.pk):
        verification = Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
        )
        for number in range(50):
            Finding.objects.create(
                tenant=cast.tenant,
                verification=verification,
                component="log-analysis",
                check_code="permission.probe",
                action="logs:DescribeLogGroups",
                region="us-east-1",
                outcome="denied",
                cause="blocked_by_organisation",
                who="customer_organisation",
                title=f"Blocked {number}",
                detail=denied_by,
                fix="Ask your organisation's team.",
                duration_ms=7,
                request_id="not shown",
            )

    findings = api(cast.viewer, cast.tenant).get(f"/api/v1/verifications/{verification.pk}/").json()["findings"]

    assert [finding["title"] for finding in findings] == [f"Blocked {number}" for number in range(50)]
    assert findings[0].pop("at")
    message = findings[0].pop("message")
    assert message.startswith("To the team that runs the AWS organisation of account")
    assert denied_by in message
    assert '"aws:PrincipalArn": "arn:aws:iam::' in message
    assert findings[0] == {
        "check": "permission.probe",
        "component": "log-analysis",
        "action": "logs:DescribeLogGroups",
        "region": "us-east-1",
        "outcome": "denied",
        "cause": "blocked_by_organisation",
        "who": "customer_organisation",
        "title": "Blocked 0",
        "detail": denied_by,
        "fix": "Ask your organisation's team.",
        "duration_ms": 7,
    }


class TestQuota:
    """An organisation may ask for so many verifications in an hour."""

    @pytest.fixture(autouse=True)
    def two_an_hour(self, settings) -> None:
        settings.MOST_VERIFICATIONS_AN_HOUR_PER_TENANT = 2

    @pytest.fixture
    def others(self, cast) -> list[Connection]:
        with tenant_scope(cast.tenant.pk):
            return [
                create_connection(tenant=cast.tenant, name=f"No. {n}", account_id=f"20000000000{n}", by=SYSTEM)
                for n in range(2)
            ]

    def test_one_more_is_refused_and_says_when_to_go_on(self, api, cast, connection, others) -> None:
        client = api(cast.admin, cast.tenant)
        for other in others:
            assert client.post(url(other.pk)).status_code == 202

        refused = client.post(url(connection.pk))
        again = client.post(url(others[0].pk))

        assert (refused.status_code, refused.json()["type"]) == (429, "urn:rolebridge:problem:too-many-verifications")
        assert 3500 < int(refused["Retry-After"]) <= 3600
        assert "2 verifications in an hour" in refused.json()["detail"]
        assert again.status_code == 202  # it is under way, so it is the answer
        with tenant_scope(cast.tenant.pk):
            assert Verification.objects.count() == 2

    def test_what_comes_by_itself_is_neither_counted_nor_refused(self, api, cast, connection, others) -> None:
        with tenant_scope(cast.tenant.pk):
            for other in others:
                request_verification(connection=other, by=SYSTEM)

        answer = api(cast.admin, cast.tenant).post(url(connection.pk))

        assert answer.status_code == 202

    def test_those_of_many_connections_at_once_count_each(self, api, cast, connection, others, sign_in) -> None:
        page, address = sign_in(cast.owner), f"/tenants/{cast.tenant.pk}/connections/verify/"
        all_three = [str(one.pk) for one in (connection, *others)]

        too_many = page.post(address, {"which": "connections", "connections": all_three}, follow=True).content.decode()
        two = page.post(address, {"which": "connections", "connections": all_three[1:]}, follow=True).content.decode()
        one_more = page.post(f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/verify/", follow=True)

        assert "2 verifications in an hour and has asked for 0" in too_many
        assert "2 connections are verified now" in two
        assert "2 verifications in an hour and has asked for 2" in one_more.content.decode()

    def test_after_an_hour_there_is_room_again(self, api, cast, connection, others) -> None:
        client = api(cast.admin, cast.tenant)
        for other in others:
            client.post(url(other.pk))
        with tenant_scope(cast.tenant.pk):
            Verification.objects.update(requested_at=timezone.now() - timedelta(minutes=61))

        assert client.post(url(connection.pk)).status_code == 202

    def test_another_organisation_has_its_own(self, api, cast, connection, others) -> None:
        client = api(cast.admin, cast.tenant)
        for other in others:
            client.post(url(other.pk))
        with tenant_scope(cast.other_tenant.pk):
            theirs = create_connection(tenant=cast.other_tenant, name="Theirs", account_id="300000000001", by=SYSTEM)

        assert api(cast.stranger, cast.other_tenant).post(url(theirs.pk)).status_code == 202
