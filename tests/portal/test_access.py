"""Who may ask for what: every address for everybody, from one table that is kept complete by walking the URLconf."""

import re
import sys
from types import ModuleType
from typing import Any

import psycopg
import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import ResolverMatch, get_resolver, path
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from integrations.actions.connections import create_connection
from integrations.actions.hand_off_links import create_hand_off_link
from integrations.actions.role_templates import download_role_template
from integrations.models import (
    EmergencyStop,
    Finding,
    IntegrationRole,
    VendorExamination,
    VendorIdentity,
    VendorSession,
    Verification,
)
from integrations.role_templates.formats import Format
from portal.access import rule_of
from portal.local.services import Postgres
from tenants.access import public
from tenants.actions.invitations import invite
from tenants.actions.recovery import request_recovery
from tenants.actions.service_tokens import create_service_token
from tenants.actions.settings import add_notification_address
from tenants.actions.single_sign_on import add_domain
from tenants.actions.tokens import create_token
from tenants.actions.webhooks import create_endpoint, send_test_event
from tenants.api.base import ApiView, TenantAPIView
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, Member, Recovery, TenantDomain
from tenants.permissions import Role
from tenants.scope import staff_scope, tenant_scope
from tenants.webhook_event_types import WebhookEventType
from tests.environment import DATABASE
from tests.portal.access_table import TABLE, TENANT, Row
from tests.portal.addresses import addresses
from tests.receipts import open_session

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


def test_the_table_names_every_address_and_no_other() -> None:
    assert sorted(TABLE) == sorted(route for route, _, _ in addresses())


def test_every_view_declares_its_access_rule() -> None:
    without = []
    for route, pattern, namespaces in addresses():
        match = ResolverMatch(pattern.callback, (), {}, pattern.name, namespaces=list(namespaces))
        if rule_of(pattern.callback, match) is None:
            without.append(route)

    assert without == []


@pytest.fixture
def things(cast) -> dict[str, Any]:
    """One of each thing of the tenant, by the name that routes give its id."""
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        verification = Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
        )
        Finding.objects.create(
            tenant=cast.tenant, verification=verification, component="log-analysis", check_code="x", outcome="passed"
        )
        session = open_session(verification)
    (recovery,) = request_recovery(
        tenant_id=cast.tenant.pk, kind=Recovery.Kind.OWNER, email="lost@example.com", reason="They wrote.", by=SYSTEM
    )
    with tenant_scope(cast.tenant.pk):
        token, _ = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        download = download_role_template(connection=connection, chosen=Format.CLI, by=SYSTEM)
        link, text = create_hand_off_link(connection=connection, by=SYSTEM)
        owner = Member.objects.get(user=cast.owner)
        invitation = invite(tenant=cast.tenant, email="invited@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
        address = add_notification_address(tenant=cast.tenant, email="soc@example.com", by=SYSTEM)
        endpoint, _ = create_endpoint(
            tenant=cast.tenant,
            url="https://hooks.example.com/",
            event_types=[WebhookEventType.CONNECTION_REMOVED],
            by=SYSTEM,
        )
        delivery = send_test_event(endpoint=endpoint, by=SYSTEM)
        domain = add_domain(
            tenant=cast.tenant, domain="example.com", mailbox=TenantDomain.Mailbox.POSTMASTER, by=SYSTEM
        )
    now = timezone.now()
    service_token, _ = create_service_token(name="Product", days=1, reason="Test", by=SYSTEM)
    VendorIdentity.objects.create(works=True, since=now, checked_at=now)
    role = IntegrationRole.objects.create(role_arn="arn", role_id="AROA", first_seen_at=now, acknowledged_at=now)
    own = VendorSession.objects.create(opened_at=now, expires_at=now, role_arn="arn", session_name="rolebridge-canary")
    stop = EmergencyStop.objects.create(is_active=False, reason="Test", started_at=now, started_by="Test")
    with staff_scope():
        member, event = Member.objects.filter(tenant=cast.tenant).first(), AuditEvent.objects.first()
    return {
        "tenant_id": cast.tenant.pk,
        "connection_id": connection.pk,
        "verification_id": verification.pk,
        "token_id": token.pk,
        "download_id": download.pk,
        "link_id": link.pk,
        "text": text,
        "template_format": "terraform",
        "user_id": cast.admin.pk,
        "invitation_id": invitation.pk,
        "address_id": address.pk,
        "recovery_id": recovery.pk,
        "endpoint_id": endpoint.pk,
        "delivery_id": delivery.pk,
        "domain_id": domain.pk,
        "admin/tenants/tenant": cast.tenant.pk,
        "admin/tenants/member": member.pk,
        "admin/tenants/apitoken": token.pk,
        "admin/tenants/auditevent": event.pk,
        "admin/tenants/servicetoken": service_token.pk,
        "admin/integrations/connection": connection.pk,
        "admin/integrations/verification": verification.pk,
        "admin/integrations/vendorexamination": VendorExamination.objects.create().pk,
        "admin/integrations/session": session.pk,
        "admin/integrations/emergencystop": stop.pk,
        "admin/integrations/vendoridentity": 1,
        "admin/integrations/vendorsession": own.pk,
        "admin/integrations/integrationrole": role.pk,
    }


@pytest.fixture
def clients(cast, sign_in, api):
    """The five people as clients of the pages, or of the API."""

    def made(*, for_api: bool) -> dict[str, Client | APIClient]:
        people: dict[str, Client | APIClient] = {"staff": sign_in(cast.staff)}
        if for_api:
            return people | {
                "anonymous": APIClient(),
                "stranger": api(cast.stranger, cast.other_tenant),
                "viewer": api(cast.viewer, cast.tenant),
                "owner": api(cast.owner, cast.tenant),
            }
        return people | {
            "anonymous": Client(),
            "stranger": sign_in(cast.stranger),
            "viewer": sign_in(cast.viewer),
            "owner": sign_in(cast.owner),
        }

    return made


def address(route: str, row: Row, things: dict[str, Any]) -> str:
    filled = route.replace("<path:object_id>", str(things.get(route.partition("/<path")[0])))
    filled = re.sub(r"<(?:uuid|slug|str):(\w+)>", lambda part: str(things.get(part[1], part[0])), filled)
    return "/" + (row.url or filled)


def ask(client: Client | APIClient, url: str, row: Row) -> HttpResponse:
    if isinstance(client, APIClient):
        return getattr(client, row.method)(url, row.data or {}, format="json")
    form = {"csrfmiddlewaretoken": "the form as it was shown"} if row.method == "post" else {}
    return getattr(client, row.method)(url, (row.data or {}) | form)


# The owner comes last: what the others try must not have changed what the owner meets.
PEOPLE = ("anonymous", "stranger", "viewer", "staff", "owner")


def named(route: str, row: Row) -> str:
    return f"{row.method} /{row.url or route}"


def statuses_of(route: str, row: Row, things: dict[str, Any], people: dict[str, Client | APIClient]) -> dict[str, int]:
    """What each person's request is answered."""
    url = address(route, row, things)
    return {who: ask(people[who], url, row).status_code for who in PEOPLE}


def expected(row: Row) -> dict[str, int]:
    return {who: getattr(row, who) for who in PEOPLE}


ROWS = [(route, row) for route, rows in TABLE.items() for row in rows]
READS = [(route, row) for route, row in ROWS if row.method == "get"]
AT_ONCE = 20  # what reads changes nothing for the next, so the things are made once for so many


@pytest.mark.parametrize("first", range(0, len(READS), AT_ONCE), ids=lambda first: named(*READS[first]))
def test_everybody_reads_what_the_table_says(first, things, clients, sandbox_address) -> None:
    people = {for_api: clients(for_api=for_api) for for_api in (False, True)}
    met, told = {}, {}

    for route, row in READS[first : first + AT_ONCE]:
        met[named(route, row)] = statuses_of(route, row, things, people["api/" in route[:5]])
        told[named(route, row)] = expected(row)

    assert met == told


@pytest.mark.parametrize(("route", "row"), [pytest.param(*one, id=named(*one)) for one in ROWS if one not in READS])
def test_everybody_gets_what_the_table_says(route, row, things, clients, sandbox_address) -> None:
    people = clients(for_api="api/" in route[:5])

    assert statuses_of(route, row, things, people) == expected(row)


# What is done twice when it is sent twice, and why. Programs have `Idempotency-Key` instead.
NOT_GUARDED = {
    f"{TENANT}settings/export/": "makes a file to take away and nothing here; a stream is not kept",
    "admin/logout/": "whoever has signed out is nobody any more",
}


def sender(route: str) -> str:
    return "staff" if route.startswith("admin/") else "owner"


DONE = [
    (route, row)
    for route, row in ROWS
    if row.method == "post" and not route.startswith(("api/", "^api/")) and getattr(row, sender(route)) < 400
]


@pytest.mark.parametrize(
    ("route", "row"), [pytest.param(*one, id=named(*one)) for one in DONE if one[0] not in NOT_GUARDED]
)
def test_a_form_that_is_sent_twice_is_done_once(route, row, cast, things, sign_in, sandbox_address, db) -> None:
    who, url = sender(route), address(route, row, things)
    browser = sign_in(getattr(cast, who))

    first = ask(browser, url, row)
    done = rows_of_tables(db)
    again = ask(browser, url, row)

    assert first.status_code == again.status_code == getattr(row, who)
    assert first.get("Location") == again.get("Location")
    assert rows_of_tables(db) == done


def rows_of_tables(database: Postgres) -> dict[str, int]:
    """How many rows each table has, whoever may see them. What is done is audited, so nothing is done without one."""
    with psycopg.connect(database.url(DATABASE)) as superuser:
        tables = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        counts = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for (table,) in tables)
        return dict(superuser.execute(counts).fetchall())


WITH_OTHER_IDS = [route for route in TABLE if "<uuid:tenant_id>/" in route and route.count("<uuid:") > 1]


@pytest.mark.parametrize("route", WITH_OTHER_IDS)
def test_in_ones_own_tenant_another_tenants_things_are_unknown(route, cast, things, sign_in) -> None:
    url = address(route, Row(0, 0, 0, 0, 0), things | {"tenant_id": cast.other_tenant.pk})
    client = sign_in(cast.stranger)

    for row in TABLE[route]:
        answer = ask(client, url, row)
        assert (answer.status_code == 404) or (row.method == "get" and answer.status_code == 302), answer
        if answer.status_code == 302:  # to the page of the thing, for a form that was opened by hand
            assert client.get(answer["Location"]).status_code == 404


def without_a_rule(_request) -> HttpResponse:
    return HttpResponse("let in")


class WithoutPermissions(ApiView):
    """An API view that says it takes tokens, and not what they may do."""

    access = "token"

    def get(self, _request) -> Response:
        return Response("let in")


class WithoutMethod(TenantAPIView):
    """An API view that forgot to say what its handler asks for."""

    def get(self, _request) -> Response:
        return Response("let in")


@pytest.fixture
def careless_urls():
    module = ModuleType("tests.portal.careless_urls")
    vars(module)["urlpatterns"] = [
        path("page/", without_a_rule),
        path("declared/", public(lambda _request: HttpResponse("let in"))),
        path("api/page/", without_a_rule),
        path("api/permissions/", WithoutPermissions.as_view()),
        path("api/method/", WithoutMethod.as_view()),
        *get_resolver().url_patterns,
    ]
    vars(module)["handler403"] = "portal.errors.permission_denied"
    sys.modules[module.__name__] = module
    with override_settings(ROOT_URLCONF=module.__name__):
        yield
    del sys.modules[module.__name__]


@pytest.mark.parametrize("url", ["/page/", "/api/page/", "/api/permissions/", "/api/method/"])
def test_a_view_that_declares_no_rule_lets_nobody_in(url, careless_urls, clients) -> None:
    for for_api in (False, True):
        for client in clients(for_api=for_api).values():
            answer = client.get(url)
            assert answer.status_code in {401, 403, 405}
            assert b"let in" not in answer.content
            assert answer["Content-Type"].startswith("application/problem+json" if "api" in url else "text/html")


def test_a_view_that_declares_one_is_reached(careless_urls, db) -> None:
    assert Client().get("/declared/").content == b"let in"
