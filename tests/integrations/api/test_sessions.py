"""Receipts of sessions through the API."""

from uuid import uuid4

import pytest
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext

from integrations.actions import verification_runs
from integrations.actions.connections import create_connection
from integrations.models import Verification
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack
from tests.receipts import open_session


@pytest.fixture
def verification(cast) -> Verification:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        return Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
        )


def address(verification: Verification) -> str:
    return f"/api/v1/connections/{verification.connection_id}/sessions/"


def opened(verification: Verification, *numbers: int, **fields) -> None:
    with tenant_scope(verification.tenant_id):
        for number in numbers:
            open_session(verification, number, **fields)


def test_a_receipt_is_shown_whole(api, cast, verification) -> None:
    opened(verification, 1)

    answer = api(cast.viewer, cast.tenant).get(address(verification)).json()

    (shown,) = answer["results"]
    assert shown.pop("id")
    assert shown == {
        "verification_id": str(verification.pk),
        "component": "log-analysis",
        "purpose": "verification",
        "opened_at": "2026-11-23T12:01:00Z",
        "expires_at": "2026-11-23T12:16:00Z",
        "role_arn": "arn:aws:iam::222233334444:role/rolebridge-abcdefghij-log-analysis",
        "role_id": "AROAQ3EXAMPLE00000001",
        "session_name": "log-analysis-1",
        "source_identity": "rolebridge",
        "tags": {"Tenant": "t0000000001", "Connection": "abcdefghij"},
        "transitive_tag_keys": ["Tenant", "Connection"],
        "policy_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "access_key_id": "ASIAQ3EXAMPLE0000001",
        "request_id": "00000000-0000-4000-8000-000000000001",
        "packed_policy_percent": 34,
    }


def test_each_page_brings_the_queries_that_find_its_own_sessions(api, cast, verification) -> None:
    opened(verification, 1, 2, 3)
    opened(verification, 4, role_arn="arn:aws:iam::111111111111:role/rolebridge/integration")
    client = api(cast.viewer, cast.tenant)

    first = client.get(address(verification), {"page_size": 2}).json()
    second = client.get(first["next"]).json()

    assert [one["session_name"] for one in first["results"]] == ["log-analysis-4", "log-analysis-3"]
    assert [one["session_name"] for one in second["results"]] == ["log-analysis-2", "log-analysis-1"]
    assert second["next"] is None
    for query in first["trail_queries"].values():
        assert "ASIAQ3EXAMPLE0000003" in query
        assert "ASIAQ3EXAMPLE0000004" not in query, "it shows in the vendor's log alone"
    for query in second["trail_queries"].values():
        assert query.count("ASIAQ3EXAMPLE0000002") == query.count("ASIAQ3EXAMPLE0000001") == 2
        assert "11:56:00" in query, "five minutes before the first was opened by our clock"
        assert "12:17:00" in query


def test_without_sessions_there_is_nothing_to_query(api, cast, verification) -> None:
    answer = api(cast.viewer, cast.tenant).get(address(verification)).json()

    assert (answer["results"], answer["trail_queries"]) == ([], None)


@pytest.mark.parametrize("cursor", ["\u00e9", "cD1ub3RhZGF0ZQ=="], ids=["no base64", "no time"])
def test_a_wrong_cursor_is_refused(api, cast, verification, cursor) -> None:
    answer = api(cast.viewer, cast.tenant).get(address(verification), {"cursor": cursor})

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:rolebridge:problem:invalid-cursor")


def test_another_tenants_sessions_are_unknown(api, cast, verification) -> None:
    opened(verification, 1)
    stranger = api(cast.stranger, cast.other_tenant)

    answers = [stranger.get(address(verification)), stranger.get(f"/api/v1/connections/{uuid4()}/sessions/")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


def test_the_list_takes_as_many_queries_for_fifty_as_for_one(api, cast, verification) -> None:
    client = api(cast.viewer, cast.tenant)
    client.get(address(verification))  # the token's "last used" is written

    def queries() -> int:
        with CaptureQueriesContext(databases["default"]) as captured:
            assert client.get(address(verification)).status_code == 200
        return len(captured)

    opened(verification, 1)
    with_one = queries()
    opened(verification, *range(2, 51))

    assert queries() == with_one


def test_a_verification_leaves_receipts_and_no_credential(api, cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verification_runs.verify_now(connection=connection, by=SYSTEM)

    answer = api(cast.viewer, cast.tenant).get(f"/api/v1/connections/{connection.pk}/sessions/")

    shown = answer.json()
    assert f":{account.account_id}:role/" in str(shown["results"])
    assert {one["component"] for one in shown["results"]} == {"log-analysis"}
    assert shown["trail_queries"]["athena"].startswith("SELECT")
    for word in ("secret", "session_token", "SessionToken", "credentials_"):
        assert word not in answer.content.decode().replace("$.credentials.accessKeyId", "")
