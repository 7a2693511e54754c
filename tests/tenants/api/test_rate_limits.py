"""How many calls a token, and a whole tenant, may make."""

import logging

import pytest
import redis

from tenants.api import rate_limits
from tenants.api.rate_limits import AT_ONCE_SECONDS
from tenants.rates import Bucket, Rates

URL = "/api/v1/components/"
A_MINUTE = 30
AT_ONCE = A_MINUTE * AT_ONCE_SECONDS // 60


@pytest.fixture(autouse=True)
def limits(settings):
    settings.API_CALLS_PER_MINUTE_OF_A_TOKEN = A_MINUTE
    settings.API_CALLS_PER_MINUTE_OF_A_TENANT = 2 * A_MINUTE


def statuses(client, calls: int) -> list[int]:
    return [client.get(URL).status_code for _ in range(calls)]


def test_a_token_that_asks_too_often_is_told_when_to_go_on(api, cast) -> None:
    client = api(cast.owner, cast.tenant)

    answers = [client.get(URL) for _ in range(3 * AT_ONCE)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers[:AT_ONCE]} == {200}
    assert refused
    assert refused[0].json()["type"] == "urn:rolebridge:problem:too-many-requests"
    assert 1 <= int(refused[0]["Retry-After"]) <= 60 / A_MINUTE


def test_what_is_refused_counts_too_and_an_unknown_token_counts_for_nobody(api, cast, client) -> None:
    viewer = api(cast.viewer, cast.tenant)

    refused = [
        viewer.post("/api/v1/connections/", {"name": "A"}, format="json").status_code for _ in range(3 * AT_ONCE)
    ]
    unknown = [client.get(URL, headers={"Authorization": "Bearer rbt_x"}).status_code for _ in range(3 * AT_ONCE)]

    assert set(refused) == {403, 429}
    assert set(unknown) == {401}


def test_the_tokens_of_a_tenant_share_a_limit_and_another_tenants_have_their_own(api, cast) -> None:
    clients = [api(cast.owner, cast.tenant) for _ in range(5)]

    ours = [status for client in clients for status in statuses(client, AT_ONCE)]
    theirs = statuses(api(cast.stranger, cast.other_tenant), AT_ONCE)

    assert ours.count(429) > 0
    assert ours.count(200) >= 2 * AT_ONCE
    assert set(theirs) == {200}


def test_a_turn_that_one_bucket_lacks_is_taken_from_no_other(broker) -> None:
    client = redis.Redis.from_url(f"{broker}/1")
    rates = Rates(client, "limit of a test")
    full, empty = Bucket("test:full", 1, at_once=3), Bucket("test:empty", 0.001, at_once=1)
    client.delete(full.key, empty.key)
    assert rates.take(empty) == 0

    waits = [rates.take(full, empty) for _ in range(5)]

    assert all(wait > 60 for wait in waits)
    assert [rates.take(full) for _ in range(3)] == [0, 0, 0]
    client.delete(full.key, empty.key)
    client.close()


def test_without_the_cache_calls_are_let_through_and_the_log_says_so(api, cast, monkeypatch, caplog) -> None:
    nowhere = Rates(redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1), "limit of API calls")
    monkeypatch.setattr(rate_limits, "_rates", lambda: nowhere)
    client = api(cast.owner, cast.tenant)

    with caplog.at_level(logging.WARNING, logger="tenants.rates"):
        answered = statuses(client, 2 * AT_ONCE)

    assert set(answered) == {200}
    assert sum("No limit of API calls" in record.getMessage() for record in caplog.records) == 1


def test_no_limit_counts_nothing(api, cast, settings) -> None:
    settings.API_CALLS_PER_MINUTE_OF_A_TOKEN = settings.API_CALLS_PER_MINUTE_OF_A_TENANT = 0

    assert set(statuses(api(cast.owner, cast.tenant), 3 * AT_ONCE)) == {200}
