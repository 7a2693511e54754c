"""What the vendor's product reports of the sessions that it opened."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from tests.integrations.api.product_builders import LIST, connect

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


RECEIPT = {
    "opened_at": "2026-11-30T12:00:00Z",
    "expires_at": "2026-11-30T13:00:00Z",
    "role_arn": "arn:aws:iam::222233334444:role/rolebridge-a-log-analysis",
    "session_name": "rolebridge-log-analysis-a",
    "access_key_id": "ASIAIOSFODNN7EXAMPLE",
}


def report(who: APIClient, connection_id: object, *sessions: dict) -> Any:
    body = {"component": "log-analysis", "sessions": list(sessions)}
    return who.post(f"{LIST}{connection_id}/sessions/", body, format="json")


def test_each_is_kept_once_for_its_own_tenant(cast, api, product) -> None:
    ours, theirs = connect(cast.tenant), connect(cast.other_tenant)

    answers = [report(product, ours.pk, RECEIPT, RECEIPT).json(), report(product, ours.pk, RECEIPT).json()]

    assert answers == [{"kept": 1}, {"kept": 0}]
    of_tenant = api(cast.owner, cast.tenant).get(f"/api/v1/connections/{ours.pk}/sessions/").json()["results"]
    assert [(one["purpose"], one["access_key_id"]) for one in of_tenant] == [("product", RECEIPT["access_key_id"])]
    stranger = api(cast.stranger, cast.other_tenant)
    assert stranger.get(f"/api/v1/connections/{theirs.pk}/sessions/").json()["results"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"role_arn": "arn:aws:iam::999988887777:role/of-somebody-else"},
        {"role_arn": "no role"},
        {"access_key_id": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
        {"secret_access_key": "wJalrXUtnFEMI"},
        {"policy_sha256": "x"},
        {"expires_at": "soon"},
        {"tags": {"key": "x" * 257}},
    ],
    ids=lambda wrong: f"{next(iter(wrong))}: {str(next(iter(wrong.values())))[:20]}",
)
def test_what_cannot_be_one_is_refused_and_nothing_is_kept(cast, api, product, wrong) -> None:
    connection = connect(cast.tenant)

    answer = report(product, connection.pk, {**RECEIPT, "access_key_id": "ASIAOTHER000000000000"}, RECEIPT | wrong)

    assert answer.status_code == 400
    assert "sessions" in str(answer.json()["errors"])
    owner = api(cast.owner, cast.tenant)
    assert owner.get(f"/api/v1/connections/{connection.pk}/sessions/").json()["results"] == []


def test_the_token_of_a_tenant_reports_nothing(cast, api, product) -> None:
    connection = connect(cast.tenant)

    assert report(api(cast.owner, cast.tenant), connection.pk, RECEIPT).status_code == 401
    assert report(APIClient(), connection.pk, RECEIPT).status_code == 401
    assert report(product, uuid4(), RECEIPT).status_code == 404
    assert product.get(f"{LIST}{connection.pk}/sessions/").status_code == 405
