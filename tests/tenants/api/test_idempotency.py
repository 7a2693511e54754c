"""A POST with an `Idempotency-Key` is done once, however often and however fast it is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections as databases
from django.utils import timezone

from integrations.api.connections import Connections
from integrations.models import Connection, HandOffLink, Verification
from tenants.actions import idempotent_requests
from tenants.actions.idempotent_requests import KEPT_FOR, LOST_AFTER
from tenants.models import IdempotentRequest
from tenants.scope import tenant_scope
from tests.brokers import unread, use_broker

URL = "/api/v1/connections/"


def post(client, url: str = URL, data: dict | None = None, *, key: str = "one"):
    return client.post(url, {"name": "Production"} if data is None else data, format="json", HTTP_IDEMPOTENCY_KEY=key)


@pytest.fixture
def client(api, cast):
    return api(cast.owner, cast.tenant)


def kept(cast) -> list[IdempotentRequest]:
    with tenant_scope(cast.tenant.pk):
        return list(IdempotentRequest.objects.all())


def connections_of(cast) -> int:
    with tenant_scope(cast.tenant.pk):
        return Connection.objects.count()


def test_the_same_request_is_answered_the_same_and_done_once(client, cast) -> None:
    first, second = post(client), post(client)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    for header in ("Location", "ETag", "Content-Type"):
        assert second[header] == first[header]
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert connections_of(cast) == 1


def test_another_key_or_none_is_another_request(client, cast) -> None:
    for key in ("one", "two"):
        post(client, key=key)
    client.post(URL, {"name": "Production"}, format="json")

    assert connections_of(cast) == 3


@pytest.mark.parametrize("what", ["body", "address"])
def test_another_request_with_the_same_key_is_refused(client, cast, what) -> None:
    made = post(client).json()

    again = post(client, data={"name": "Other"}) if what == "body" else post(client, f"{URL}{made['id']}/pause/")

    assert again.status_code == 422
    assert again.json()["type"] == "urn:rolebridge:problem:idempotency-key-reused"
    assert connections_of(cast) == 1


def test_each_token_has_keys_of_its_own(api, client, cast) -> None:
    ours = post(client)
    colleague = post(api(cast.admin, cast.tenant), data={"name": "Theirs"})
    stranger = post(api(cast.stranger, cast.other_tenant), data={"name": "Strange"})

    assert len({answer.json()["id"] for answer in (ours, colleague, stranger)}) == 3
    assert {answer.status_code for answer in (ours, colleague, stranger)} == {201}


def test_many_at_once_have_one_effect(client, cast, monkeypatch, broker) -> None:
    use_broker(monkeypatch, unread(broker))

    def send(_: int):
        try:
            return post(client)
        finally:
            databases.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))

    assert connections_of(cast) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"] == "urn:rolebridge:problem:request-being-done"
            assert answer["Retry-After"] == "1"
    assert post(client).status_code == 201


def test_a_refused_request_keeps_nothing_and_may_be_mended(client, cast) -> None:
    refused = post(client, data={"name": ""})
    mended = post(client)

    assert (refused.status_code, mended.status_code) == (400, 201)
    assert len(kept(cast)) == 1


def test_a_fault_of_ours_keeps_nothing(client, cast, monkeypatch) -> None:
    def fail(_view, _request):
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(Connections, "post", fail)
        client.raise_request_exception = False
        failed = post(client)

    assert failed.status_code == 500
    assert kept(cast) == []
    assert post(client).status_code == 201


def test_a_verification_is_asked_for_once(client, cast, monkeypatch, broker) -> None:
    use_broker(monkeypatch, unread(broker))
    made = post(client, data={"name": "Production", "account_id": "222233334444"}, key="made").json()
    asked = [post(client, f"{URL}{made['id']}/verifications/", {}, key="asked") for _ in range(2)]

    assert [answer.status_code for answer in asked] == [202, 202]
    assert asked[0].json() == asked[1].json()
    with tenant_scope(cast.tenant.pk):
        assert Verification.objects.count() == 1


def test_what_is_shown_once_is_kept_sealed_and_shown_to_the_same_token_alone(client, cast) -> None:
    made = post(client).json()
    url = f"{URL}{made['id']}/hand-off-links/"

    first, second = (post(client, url, {"days": 1}, key="link").json() for _ in range(2))

    assert first["url"] == second["url"]
    text = first["url"].rstrip("/").rpartition("/")[2]
    with tenant_scope(cast.tenant.pk), databases["default"].cursor() as cursor:
        assert HandOffLink.objects.count() == 1
        cursor.execute("SELECT count(*) FROM tenants_idempotentrequest r WHERE r::text LIKE %s", [f"%{text}%"])
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
def test_a_key_that_is_none_is_refused(client, key) -> None:
    answer = post(client, key=key)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:rolebridge:problem:invalid-idempotency-key"


def test_a_key_is_new_again_after_a_day_and_what_is_old_is_forgotten(client, cast) -> None:
    post(client)
    with tenant_scope(cast.tenant.pk):
        IdempotentRequest.objects.update(claimed_at=timezone.now() - KEPT_FOR)

    again = post(client, data={"name": "Other"})
    post(client, key="two")
    with tenant_scope(cast.tenant.pk):
        IdempotentRequest.objects.filter(key="two").update(claimed_at=timezone.now() - KEPT_FOR)
    forgotten = idempotent_requests.purge()

    assert again.status_code == 201
    assert forgotten == 1
    assert [request.key for request in kept(cast)] == ["one"]


def test_what_a_lost_process_claimed_is_done_by_the_next(client, cast) -> None:
    post(client)
    with tenant_scope(cast.tenant.pk):
        Connection.objects.all().delete()
        IdempotentRequest.objects.update(status=None, claim=uuid4())

    meanwhile = post(client)
    with tenant_scope(cast.tenant.pk):
        IdempotentRequest.objects.update(claimed_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    later = post(client)

    assert (meanwhile.status_code, later.status_code) == (409, 201)
    assert connections_of(cast) == 1


def test_whoever_lost_its_claim_writes_nothing(client, cast, monkeypatch) -> None:
    genuine = Connections.post

    def taken_meanwhile(view, request):
        with tenant_scope(cast.tenant.pk):
            IdempotentRequest.objects.update(claim=uuid4())
        return genuine(view, request)

    monkeypatch.setattr(Connections, "post", taken_meanwhile)
    client.raise_request_exception = False

    assert post(client).status_code == 500
    assert connections_of(cast) == 0
