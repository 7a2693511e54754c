"""The page of sessions."""

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.models import Session, Verification
from tenants.scope import tenant_scope
from tests.receipts import open_session


@pytest.fixture
def verification(cast, connection) -> Verification:
    with tenant_scope(cast.tenant.pk):
        return Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
        )


def opened(verification, *numbers: int, **fields) -> None:
    with tenant_scope(verification.tenant_id):
        for number in numbers:
            open_session(verification, number, **fields)


def test_shows_a_receipt_and_the_queries_that_find_it(cast, sign_in, url, verification) -> None:
    opened(verification, 1)

    page = sign_in(cast.viewer).get(f"{url}sessions/").content.decode()

    for shown in (
        "23 November 2026 12:01:00 UTC",
        'expires <time datetime="2026-11-23T12:16:00+00:00"',
        "Log analysis",
        "to walk the chain and try each permission",
        "arn:aws:iam::222233334444:role/rolebridge-abcdefghij-log-analysis",
        "log-analysis-1",
        "Connection=abcdefghij",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "00000000-0000-4000-8000-000000000001",
    ):
        assert shown in page
    assert page.count("ASIAQ3EXAMPLE0000001") == 2 + 2 * 2  # its row, and twice in each query


@pytest.mark.parametrize("purpose", Session.Purpose.values)
def test_every_purpose_is_said_in_plain_words(cast, sign_in, url, verification, purpose) -> None:
    opened(verification, 1, purpose=purpose)

    page = sign_in(cast.viewer).get(f"{url}sessions/").content.decode()

    assert f"{Session.Purpose(purpose).label}: to " in page


def test_a_session_of_our_own_role_is_said_to_show_in_our_log(cast, sign_in, url, verification) -> None:
    opened(verification, 1, role_arn="arn:aws:iam::111111111111:role/rolebridge/integration", component="mind-reading")

    page = sign_in(cast.viewer).get(f"{url}sessions/").content.decode()

    assert "it shows in our log alone" in page
    assert "mind-reading" in page
    assert "SELECT" not in page


def test_without_sessions_it_says_when_there_will_be_one(cast, sign_in, url) -> None:
    assert "No session was opened yet" in sign_in(cast.viewer).get(f"{url}sessions/").content.decode()


def test_is_paged_and_takes_any_page_number(cast, sign_in, url, verification) -> None:
    opened(verification, *range(1, 52))
    client = sign_in(cast.viewer)

    first = client.get(f"{url}sessions/").content.decode()
    second = client.get(f"{url}sessions/", {"page": "2"}).content.decode()

    assert first.count('data-label="Opened"') == 50
    assert second.count('data-label="Opened"') == 1
    assert 'href="?page=2"' in first
    assert 'href="?page=1"' in second
    for page in ("", "x", "-1", "0", "9" * 40, "<b>"):
        assert client.get(f"{url}sessions/", {"page": page}).status_code == 200


def test_takes_as_many_queries_for_fifty_as_for_one(cast, sign_in, url, verification) -> None:
    client = sign_in(cast.viewer)
    opened(verification, 1)
    with CaptureQueriesContext(database) as one:
        client.get(f"{url}sessions/")
    opened(verification, *range(2, 51))

    with CaptureQueriesContext(database) as fifty:
        client.get(f"{url}sessions/")

    assert len(fifty) == len(one)
    assert len(fifty) <= 16


def test_is_not_there_for_others(cast, sign_in, connection, url) -> None:
    elsewhere = f"/tenants/{cast.other_tenant.pk}/connections/{connection.pk}/sessions/"

    assert sign_in(cast.stranger).get(f"{url}sessions/").status_code == 404
    assert sign_in(cast.stranger).get(elsewhere).status_code == 404
