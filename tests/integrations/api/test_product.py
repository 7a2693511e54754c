"""What the vendor's product reads with a service token: usable roles of all tenants, and a feed with no gap."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connections, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # no stubs are installed for it
from rest_framework.test import APIClient

from integrations.actions import emergency_stop
from integrations.actions.status_changes import Cause, change_status
from integrations.api.product import MOST_EVENTS
from integrations.models import Connection, CustomerRole, Status, StatusChange
from tenants.actions.service_tokens import (
    InvalidServiceToken,
    create_service_token,
    find_service_token,
    revoke_service_token,
)
from tenants.api import service_tokens
from tenants.api.views import openapi_document
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, ServiceToken, Tenant
from tenants.scope import PRODUCT, STAFF, product_scope, staff_scope, tenant_scope
from tests.integrations.api.product_builders import LIST, client, connect

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

FEED = "/api/v1/product/events/"
ALL = ("compute-analysis", "log-analysis", "storage-analysis")


def set_role(connection: Connection, component: str, **fields) -> None:
    with tenant_scope(connection.tenant_id):
        connection.roles.filter(component=component).update(**fields)


def usable(product: APIClient, connection: Connection) -> set[str]:
    return {role["component"] for role in product.get(f"{LIST}{connection.pk}/").json()["roles"]}


def test_connections_of_all_tenants_are_listed_with_what_opens_a_session(cast, product) -> None:
    mine, theirs = connect(cast.tenant), connect(cast.other_tenant, "555566667777")
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(customer_number="C-7")

    page = product.get(LIST).json()

    assert [row["id"] for row in page["results"]] == [str(mine.pk), str(theirs.pk)]
    row = page["results"][0]
    assert row["tenant"] == {
        "id": str(cast.tenant.pk),
        "reference": cast.tenant.reference,
        "customer_number": "C-7",
    }
    assert (row["account_id"], row["status"]) == ("222233334444", "connected")
    role = next(role for role in row["roles"] if role["component"] == "log-analysis")
    assert role["role_arn"] == f"arn:aws:iam::222233334444:role/rolebridge-{mine.reference}-log-analysis"
    assert role["external_id"] == mine.external_id
    assert role["tags"] == {
        "Tenant": cast.tenant.reference,
        "Connection": mine.reference,
        "Component": "log-analysis",
    }
    component_role, integration_role, customer_role = role["hops"]
    assert component_role["RoleArn"].endswith("role/rolebridge/components/log-analysis")
    assert integration_role["RoleArn"].endswith("role/rolebridge/integration")
    assert mine.external_id in integration_role["Policy"]
    assert "ExternalId" not in integration_role
    assert (customer_role["RoleArn"], customer_role["ExternalId"]) == (role["role_arn"], mine.external_id)
    assert "Policy" in role["session_policies"][0]
    assert page["chain"]["kind"] == "abac"
    assert "Secret name" not in str(page), "what the customer calls it is nobody's business"


def test_it_is_filtered(cast, product) -> None:
    connect(cast.tenant)
    theirs = connect(cast.other_tenant, "555566667777")

    for query in ({"account_id": "555566667777"}, {"tenant_id": str(cast.other_tenant.pk)}):
        assert [row["id"] for row in product.get(LIST, query).json()["results"]] == [str(theirs.pk)]
    assert product.get(LIST, {"tenant_id": str(uuid4())}).json()["results"] == []


@pytest.mark.parametrize(
    "query",
    [{"page_size": "0"}, {"page_size": "201"}, {"page_size": "x"}, {"tenant_id": "none"}, {"status": "unsafe"}],
)
def test_a_parameter_that_is_none_is_refused(product, query) -> None:
    answer = product.get(LIST, query)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["type"] == "urn:rolebridge:problem:invalid"
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{name}" for name in query]


UNUSABLE = {
    "quarantined": {"status": Status.UNSAFE, "quarantined": True},
    "quarantined, whatever its status": {"quarantined": True},
    "paused": {"status": Status.PAUSED},
    "paused by the vendor": {"vendor_paused_from": Status.CONNECTED},
    "being removed": {"status": Status.REMOVING},
    "removed": {"status": Status.REMOVED},
    "not proved yet": {"status": Status.AWAITING},
    "out of reach": {"status": Status.UNREACHABLE},
}


@pytest.mark.parametrize("fields", UNUSABLE.values(), ids=UNUSABLE)
def test_a_role_that_must_not_be_used_is_not_in_the_answer(cast, product, fields) -> None:
    connection = connect(cast.tenant)
    assert usable(product, connection) == set(ALL)

    set_role(connection, "log-analysis", **fields)

    assert usable(product, connection) == set(ALL) - {"log-analysis"}
    role = f"rolebridge-{connection.reference}-log-analysis"
    assert role not in product.get(LIST).content.decode()
    assert role not in product.get(f"{LIST}{connection.pk}/").content.decode()
    with product_scope():
        assert CustomerRole.objects.filter(component="log-analysis").count() == 0, "the database itself hides it"


def test_a_degraded_role_may_be_used(cast, product) -> None:
    connection = connect(cast.tenant)

    set_role(connection, "log-analysis", status=Status.DEGRADED)

    assert usable(product, connection) == set(ALL)
    assert product.get(f"{LIST}{connection.pk}/").json()["status"] == "degraded"


def test_while_all_access_is_stopped_no_role_is_in_any_answer(cast, product) -> None:
    connection = connect(cast.tenant)
    emergency_stop.start_stop(reason="Test", by=SYSTEM)  # the paused statuses come later, the flag counts at once

    assert usable(product, connection) == set()

    emergency_stop.lift_stop(reason="Test", by=SYSTEM)
    assert usable(product, connection) == set(ALL)


def test_an_unknown_connection_is_not_found(product, cast) -> None:
    assert product.get(f"{LIST}{cast.tenant.pk}/").status_code == 404


def test_a_list_asks_no_more_queries_for_fifty_than_for_one(cast, product, django_assert_max_num_queries) -> None:
    for number in range(20):
        connect(cast.tenant, f"2222333344{number:02}")
    product.get(LIST)

    with django_assert_max_num_queries(4, connection=connections[PRODUCT]):
        assert len(product.get(LIST).json()["results"]) == 20


# --- The token


def test_the_text_of_a_token_is_kept_nowhere(token, db) -> None:
    made, text = token

    assert text.startswith("rbs_")
    assert text not in str(ServiceToken.objects.values().get(pk=made.pk))
    with staff_scope():
        assert text[4:] not in str(list(AuditEvent.objects.values()))
    with pytest.raises(ProgrammingError, match="permission denied"), staff_scope(), transaction.atomic(using=STAFF):
        list(ServiceToken.objects.values("digest"))


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_token_ends(db, days) -> None:
    with pytest.raises(InvalidServiceToken, match="1 to 366 days"):
        create_service_token(name="x", days=days, reason="Test", by=SYSTEM)


def test_without_a_reason_none_is_made_or_revoked(db, token) -> None:
    with pytest.raises(InvalidServiceToken, match="reason"):
        create_service_token(name="x", days=1, reason=" ", by=SYSTEM)
    with pytest.raises(InvalidServiceToken, match="reason"):
        revoke_service_token(token_id=token[0].pk, reason="", by=SYSTEM)

    assert ServiceToken.objects.count() == 1
    assert find_service_token(token[1]) is not None


def test_a_revoked_or_expired_token_is_refused_at_once(product, token) -> None:
    assert product.get(LIST).status_code == 200
    revoke_service_token(token_id=token[0].pk, reason="It leaked.", by=SYSTEM)
    _, other = create_service_token(name="x", days=1, reason="Test", by=SYSTEM)
    ServiceToken.objects.exclude(pk=token[0].pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    for refused in (product, client(other), client("rbs_unknown"), client("rb\u00e9")):
        answer = refused.get(LIST)
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:rolebridge:problem:token-refused"


def test_a_service_token_opens_no_tenant_and_a_tenants_token_not_this(cast, product, api) -> None:
    mine = connect(cast.tenant)

    for address in ("/api/v1/connections/", f"/api/v1/connections/{mine.pk}/", "/api/v1/components/"):
        assert product.get(address).status_code == 401
    assert api(cast.owner, cast.tenant).get(LIST).status_code == 401
    assert product.post(LIST, {}, format="json").status_code == 405


def test_its_use_is_noted_once_for_each_address_and_day(product, token) -> None:
    for _ in range(3):
        product.get(LIST, REMOTE_ADDR="10.0.0.1")
    product.get(FEED, REMOTE_ADDR="10.0.0.2")

    with staff_scope():
        events = list(AuditEvent.objects.filter(action="api:service_token:used").order_by("address"))
    assert [event.address for event in events] == ["10.0.0.1", "10.0.0.2"]
    assert events[0].actor_name == str(token[0])
    assert ServiceToken.objects.get(pk=token[0].pk).last_used_at is not None


def test_who_asks_too_often_is_told_when_to_come_again(product, monkeypatch) -> None:
    monkeypatch.setattr(service_tokens, "MOST_PER_MINUTE", 2)

    answers = [product.get(LIST) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    assert answers[2].json()["type"] == "urn:rolebridge:problem:too-many-requests"
    cache.clear()


def test_an_installation_without_the_database_role_says_so(product, monkeypatch) -> None:
    monkeypatch.delitem(connections.databases, PRODUCT)

    answer = product.get(LIST)

    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:rolebridge:problem:product-api-off"


def test_answers_are_what_the_document_says(cast, product) -> None:
    connection = connect(cast.tenant)
    for schema, address in (
        ("PaginatedProductConnectionList", LIST),
        ("ProductConnectionDetail", f"{LIST}{connection.pk}/"),
        ("EventPage", FEED),
    ):
        rules = {"$ref": f"#/components/schemas/{schema}", "components": openapi_document()["components"]}
        Draft202012Validator(rules).validate(product.get(address).json())


# --- What the database role may do


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM integrations_connection",
        "SELECT name FROM tenants_tenant",
        "SELECT 1 FROM tenants_user",
        "SELECT 1 FROM tenants_servicetoken",
        "SELECT 1 FROM tenants_auditevent",
        "SELECT 1 FROM integrations_finding",
        "SELECT 1 FROM integrations_session",
        "SELECT reason FROM integrations_emergencystop",
        "UPDATE integrations_customerrole SET quarantined = false",
        "DELETE FROM integrations_statuschange",
        "SELECT nextval('integrations_feed_position')",
        "SELECT number_events(1)",
        "SELECT * FROM tenants_of_user('00000000-0000-0000-0000-000000000000')",
    ],
)
def test_the_products_database_role_reads_nothing_else_and_writes_nothing(db, statement) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(using=PRODUCT),
        connections[PRODUCT].cursor() as cursor,
    ):
        cursor.execute(statement)


# --- The feed


def follow(product: APIClient, cursor: int = 0, **query) -> tuple[list[dict], int]:
    seen: list[dict] = []
    while True:
        page = product.get(FEED, {"cursor": cursor} | query).json()
        seen += page["events"]
        cursor = page["cursor"]
        if not page["more"]:
            return seen, cursor


def change(connection: Connection, status: Status) -> None:
    with tenant_scope(connection.tenant_id):
        Connection.objects.select_for_update().get(pk=connection.pk)
        change_status(CustomerRole.objects.filter(connection=connection), status, cause=Cause.PAUSED)


def test_each_change_of_each_tenant_comes_once_in_an_order_that_stays(cast, product) -> None:
    mine = connect(cast.tenant, components=["log-analysis"])
    theirs = connect(cast.other_tenant, "555566667777", components=["log-analysis"])
    first, cursor = follow(product)
    change(mine, Status.PAUSED)
    change(theirs, Status.PAUSED)

    later, end = follow(product, cursor, limit=1)

    assert [(event["connection_id"], event["after"]) for event in first] == [
        (str(mine.pk), "awaiting"), (str(theirs.pk), "awaiting"),
    ]  # fmt: skip
    assert [(event["connection_id"], event["after"]) for event in later] == [
        (str(mine.pk), "paused"), (str(theirs.pk), "paused"),
    ]  # fmt: skip
    assert follow(product) == (first + later, end)
    assert follow(product, end) == ([], end)
    assert product.get(LIST).json()["events_cursor"] == end


def test_a_change_that_was_written_first_and_committed_last_is_not_passed_over(cast, product) -> None:
    slow = connect(cast.tenant, components=["log-analysis"])
    quick = connect(cast.other_tenant, "555566667777", components=["log-analysis"])
    _, cursor = follow(product)
    written, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with tenant_scope(slow.tenant_id):
            change_status(CustomerRole.objects.filter(connection=slow), Status.PAUSED, cause=Cause.PAUSED)
            written.set()
            assert may_commit.wait(20)
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(write_slowly)
        assert written.wait(20)
        change(quick, Status.PAUSED)  # its id is higher, and it is visible first
        before, cursor = follow(product, cursor)
        may_commit.set()
        under_way.result(20)
    after, _ = follow(product, cursor)

    with staff_scope():
        ids = dict(StatusChange.objects.filter(after="paused").values_list("connection_id", "id"))
    assert ids[slow.pk] < ids[quick.pk]
    assert [event["connection_id"] for event in before] == [str(quick.pk)]
    assert [event["connection_id"] for event in after] == [str(slow.pk)]


def test_many_writers_and_readers_at_once_lose_and_repeat_nothing(cast, product, monkeypatch) -> None:
    monkeypatch.setattr(service_tokens, "MOST_PER_MINUTE", 10**6)
    of = {tenant: connect(tenant, f"5555666677{n}") for n, tenant in enumerate((cast.tenant, cast.other_tenant), 10)}
    _, start = follow(product)
    done = threading.Event()

    def write(tenant: Tenant) -> None:
        for number in range(25):
            change(of[tenant], Status.PAUSED if number % 2 == 0 else Status.CONNECTED)
        connections.close_all()

    def read() -> list[int]:
        seen: list[int] = []
        cursor, last_look = start, False
        while True:
            last_look = done.is_set()
            events, cursor = follow(product, cursor, limit=7)
            seen += [event["position"] for event in events]
            if last_look:
                connections.close_all()
                return seen

    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        writers = [pool.submit(write, tenant) for tenant in of]
        for writer in writers:
            writer.result(120)
        done.set()
        seen = [reader.result(60) for reader in readers]

    with staff_scope():
        written = StatusChange.objects.filter(feed_position__gt=start).count()
    assert written == 2 * 25 * 3
    for positions in seen:
        assert positions == sorted(set(positions))
        assert len(positions) == written


def test_the_places_of_a_deleted_tenants_changes_are_not_given_again(cast, product) -> None:
    gone = connect(cast.tenant, components=["log-analysis"])
    _, cursor = follow(product)
    with tenant_scope(cast.tenant.pk):
        StatusChange.objects.filter(connection=gone).delete()
    connect(cast.other_tenant, "555566667777", components=["log-analysis"])

    events, end = follow(product, cursor)

    assert len(events) == 1
    assert end > cursor


@pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "9" * 18, "9" * 40, "\u0661"])
def test_a_cursor_that_is_none_of_the_feeds_is_refused(product, cursor) -> None:
    answer = product.get(FEED, {"cursor": cursor})

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:rolebridge:problem:invalid-cursor"


def test_a_page_of_the_feed_is_bounded(cast, product) -> None:
    connect(cast.tenant)

    assert len(product.get(FEED, {"limit": "0"}).json()["events"]) == 1
    assert product.get(FEED, {"limit": str(MOST_EVENTS * 10)}).status_code == 200
