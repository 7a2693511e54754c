"""What support staff find, what they may ask for, and what they cannot change."""

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from itertools import combinations
from uuid import uuid4

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.db import connections as databases
from django.db.utils import ProgrammingError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.external_id_rotations import cancel_rotation, start_rotation
from integrations.admin.connections import _in_turn
from integrations.admin.overview import with_overview
from integrations.models import (
    Connection,
    CustomerRole,
    EmergencyStop,
    Finding,
    IntegrationRole,
    ProvedAccount,
    Status,
    Verification,
)
from tenants.actions.invitations import invite
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM, Actor
from tenants.models import ApiToken, AuditEvent, Member, Tenant, User
from tenants.permissions import Role
from tenants.scope import staff_scope, tenant_scope
from tests.brokers import AWAY, unread, use_broker
from tests.environment import PORTAL_PORT
from tests.receipts import open_session

LIST = "/admin/integrations/connection/"


@pytest.fixture
def staff(cast, sign_in) -> Client:
    return sign_in(cast.staff)


@pytest.fixture(autouse=True)
def no_worker_takes_them(broker, monkeypatch) -> None:
    use_broker(monkeypatch, unread(broker))


def connect(tenant: Tenant, name: str = "Production", account_id: str = "222233334444", **more) -> Connection:
    with tenant_scope(tenant.pk):
        return create_connection(tenant=tenant, name=name, account_id=account_id, by=SYSTEM, **more)


def verified(connection: Connection, *findings: dict) -> Verification:
    with tenant_scope(connection.tenant_id):
        verification = Verification.objects.create(
            tenant_id=connection.tenant_id, connection=connection, state="completed", requested_by="owner@example.com"
        )
        for finding in findings:
            Finding.objects.create(
                tenant_id=connection.tenant_id,
                verification=verification,
                **{"component": "log-analysis", "check_code": "permission.probe", "title": "Found"} | finding,
            )
    return verification


def set_statuses(connection: Connection, **of_component: str) -> None:
    with tenant_scope(connection.tenant_id):
        for component, status in of_component.items():
            connection.roles.filter(component=component.replace("_", "-")).update(status=status)


def found(staff: Client, **query: str) -> set[str]:
    answer = staff.get(LIST, query)
    assert answer.status_code == 200
    return {connection.name for connection in answer.context["cl"].result_list}


@pytest.mark.parametrize(
    "term",
    [
        lambda connection: connection.account_id,
        lambda _: "2222-3333-4444",
        lambda connection: connection.external_id,
        lambda connection: f"rolebridge-{connection.reference}-log-analysis",
        lambda connection: f"arn:aws:iam::222233334444:role/rolebridge-{connection.reference}-log-analysis",
        lambda _: "blue harb",
        lambda _: "viewer@example.com",
        lambda _: "Viewer@",
        lambda _: "@Example.com",
    ],
    ids=[
        "account id",
        "account id with dashes",
        "external ID",
        "role name",
        "role ARN",
        "tenant",
        "email address",
        "beginning of an address",
        "domain of an address",
    ],
)
def test_a_connection_is_found_by_what_customers_write(cast, staff, term: Callable[[Connection], str]) -> None:
    wanted = connect(cast.tenant, "Wanted")
    connect(cast.other_tenant, "Other", "999988887777")

    assert found(staff, q=term(wanted)) == {"Wanted"}


@pytest.mark.parametrize("term", ["viewer@example.com", "VIEWER@", "@example.com"])
def test_tenants_members_and_tokens_are_found_by_an_address_each_once(cast, staff, term) -> None:
    with tenant_scope(cast.tenant.pk):
        create_token(tenant=cast.tenant, name="Pipeline", user=cast.viewer, by=SYSTEM)

    for model, more in (("tenant", 0), ("member", 2 if term.startswith("@") else 0), ("apitoken", 0)):
        rows = staff.get(f"/admin/tenants/{model}/", {"q": term}).context["cl"].result_list
        assert len(rows) == 1 + more, model
        assert staff.get(f"/admin/tenants/{model}/", {"q": "@nowhere.example"}).context["cl"].result_count == 0


def test_a_search_that_fits_too_many_organisations_says_so(cast, staff, monkeypatch) -> None:
    monkeypatch.setattr("integrations.admin.connections.MOST_TENANTS", 0)

    page = staff.get(LIST, {"q": "@example.com"}).content.decode()

    assert "More than 0 organisations fit" in page


@pytest.mark.parametrize("term", ["foo", "%", "'", "x" * 5000, "0b8f6d9e-7c1a-4a57-9d0e-2f5a6c3b1e44", "@", "@@"])
def test_any_search_gets_an_answer(cast, staff, term) -> None:
    for model in admin.site._registry:
        answer = staff.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/", {"q": term})
        assert answer.status_code == (400 if "\x00" in term else 200), model


def test_what_is_no_row_can_be_ticked_by_nobody(cast, staff) -> None:
    ticked = {"action": "ask_for_verification", "_selected_action": ["a@b.c"]}

    answer = staff.post("/admin/integrations/connection/", ticked)

    assert answer.status_code == 400


def test_a_verification_is_found_by_its_id_and_by_what_it_verified(cast, staff) -> None:
    connection = connect(cast.tenant)
    verification = verified(connection)
    verified(connect(cast.other_tenant, account_id="999988887777"))

    for term in (str(verification.pk), connection.account_id, connection.external_id, cast.tenant.name):
        rows = staff.get("/admin/integrations/verification/", {"q": term}).context["cl"].result_list
        assert [row.pk for row in rows] == [verification.pk], term


def test_a_session_is_found_by_what_stands_in_a_customers_log(cast, staff) -> None:
    verification, other = verified(connect(cast.tenant)), verified(connect(cast.other_tenant, account_id="9" * 12))
    with tenant_scope(cast.tenant.pk):
        session = open_session(verification)
    with tenant_scope(cast.other_tenant.pk):
        open_session(other, 2, source_identity="another")

    for term in (session.access_key_id, session.request_id, session.session_name, session.source_identity):
        answer = staff.get("/admin/integrations/session/", {"q": term})
        assert [row.pk for row in answer.context["cl"].result_list] == [session.pk], term
        assert session.access_key_id in answer.content.decode()


def test_a_connections_page_shows_its_rotations_with_who_and_when_and_changes_none(cast, staff) -> None:
    connection = connect(cast.tenant)
    with tenant_scope(cast.tenant.pk):
        called_off, _ = start_rotation(connection=connection, by=Actor.user(cast.owner))
        cancel_rotation(connection=connection, by=SYSTEM)
        rotation, _ = start_rotation(connection=connection, by=Actor.user(cast.admin))

    page = staff.get(f"{LIST}{connection.pk}/change/").content.decode()

    assert called_off.new_external_id in page
    assert rotation.new_external_id in page
    assert "Moving" in page
    assert "Cancelled" in page
    assert f"by {cast.owner.email}" in page
    assert f"by {cast.admin.email}" in page
    assert f"{rotation.started_at:%Y-%m-%d %H:%M}" in page
    assert f'value="{rotation.new_external_id}"' not in page


def test_connections_are_filtered_by_status_age_and_account_conflict(cast, staff) -> None:
    unsafe, old, conflict = (connect(cast.tenant, name, f"22223333444{number}") for number, name in enumerate("ABC"))
    set_statuses(unsafe, log_analysis=Status.UNSAFE, compute_analysis=Status.CONNECTED)
    with tenant_scope(cast.tenant.pk):
        old.roles.update(status_since=timezone.now() - timedelta(days=4))
    theirs = connect(cast.other_tenant, "Theirs", conflict.account_id)
    with tenant_scope(cast.other_tenant.pk):
        ProvedAccount.objects.create(account_id=conflict.account_id, tenant=cast.other_tenant, connection=theirs)

    assert found(staff, status="unsafe") == {"A"}
    assert found(staff, status="awaiting") == {"B", "C", "Theirs"}
    assert found(staff, **{"for": "72"}) == {"B"}
    assert found(staff, conflict="yes") == {"C"}
    assert found(staff, **{"for": "nonsense", "status": "unsafe"}) == {"A"}


def test_the_status_that_staff_filter_by_is_the_one_that_customers_see(cast) -> None:
    for pair in [*combinations(Status, 2), *((status, status) for status in Status)]:
        connection = connect(cast.tenant, components=["log-analysis", "compute-analysis"])
        set_statuses(connection, log_analysis=pair[0], compute_analysis=pair[1])
    connect(cast.tenant, components=[])

    with staff_scope():
        shown = list(with_overview(Connection.objects.prefetch_related("roles")))

    assert len(shown) == 37
    for connection in shown:
        assert connection.shown_status == connection.status


def test_a_tenants_page_shows_its_connections_with_who_must_act(cast, staff) -> None:
    connection = connect(cast.tenant)
    set_statuses(connection, log_analysis=Status.DEGRADED)
    verification = verified(
        connection,
        {"outcome": "passed"},
        {"outcome": "denied", "who": "customer", "fix": "Deploy the current role template again."},
        {"outcome": "error", "who": "vendor"},
    )

    (tenant,) = staff.get("/admin/tenants/tenant/", {"q": "owner@example.com"}).context["cl"].result_list
    page = staff.get(f"/admin/tenants/tenant/{tenant.pk}/change/").content.decode()
    detail = staff.get(f"{LIST}{connection.pk}/change/").content.decode()

    assert (tenant.connection_count, tenant.member_count) == (1, 3)
    for text in (connection.account_id, "Degraded", "Customer, Vendor", str(verification.pk), cast.viewer.email):
        assert text in page
    for text in (connection.external_id, "Customer: Found. Deploy the current role template again."):
        assert text in detail
    assert "To the administrator of AWS account 222233334444:" in page
    assert "To the administrator of AWS account 222233334444:" in detail


def test_a_tenants_page_shows_the_last_verification_hop_by_hop(cast, staff) -> None:
    connection = connect(cast.tenant)
    verified(connection, {"outcome": "denied", "check_code": "chain.base_to_component"})
    verified(
        connection,
        {"outcome": "passed", "check_code": "chain.component_to_integration"},
        {"outcome": "denied", "check_code": "chain.integration_to_customer", "who": "customer", "fix": "Deploy it."},
    )

    for url in (f"/admin/tenants/tenant/{cast.tenant.pk}/change/", f"{LIST}{connection.pk}/change/"):
        page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", staff.get(url).content.decode()))
        assert "Production, log-analysis: to B Passed → to C Denied" in page
        assert "to A" not in page, "of the verification before"


def test_a_role_is_found_by_an_arn_of_any_name(cast, staff) -> None:
    wanted = connect(cast.tenant, "Wanted")
    connect(cast.other_tenant, "Other")
    with tenant_scope(cast.tenant.pk):
        Connection.objects.filter(pk=wanted.pk).update(role_name_pattern="Acme", role_path="/legacy/")

    assert found(staff, q="arn:aws:iam::222233334444:role/legacy/Acme") == {"Wanted"}
    assert found(staff, q="arn:aws:iam::222233334444:role/Acme") == set()


def test_a_connection_is_found_by_the_vendors_own_number(cast, staff) -> None:
    connect(cast.tenant, "Wanted")
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(customer_number="C-1001")

    assert found(staff, q="C-1001") == {"Wanted"}
    assert found(staff, q="C-100") == set()


def test_the_dashboard_counts_statuses_causes_and_what_waits(cast, staff) -> None:
    connection = connect(cast.tenant)
    set_statuses(connection, log_analysis=Status.UNSAFE)
    verified(connection, {"outcome": "denied", "who": "customer", "cause": "role_not_assumable"}, {"outcome": "passed"})
    with tenant_scope(cast.tenant.pk):
        Verification.objects.create(tenant=cast.tenant, connection=connection, requested_by="Test")
        Verification.objects.create(
            tenant=cast.tenant, connection=connection, state="failed", failure="worker_lost", finished_at=timezone.now()
        )

    context = staff.get("/admin/").context

    assert {row["name"]: row["number"] for row in context["statuses"]}["Unsafe"] == 1
    assert context["causes"] == [{"name": "role_not_assumable", "number": 1}]
    assert context["failures"] == [{"name": "worker_lost", "number": 1}]
    assert context["queue"][0] == {"name": "Verifications that wait", "number": 1, "is_well": True}
    assert "role_not_assumable" in context["causes_chart"]


def test_a_list_that_staff_open_stands_in_the_installations_audit_events(cast, staff) -> None:
    connect(cast.tenant)

    staff.get(LIST, {"q": "viewer@example.com", "p": "1"})
    staff.get("/admin/integrations/emergencystop/")

    with staff_scope():
        (seen,) = AuditEvent.objects.filter(action="admin:staff:list_viewed")
    assert (seen.tenant_id, seen.actor_name, seen.data) == (
        None,
        cast.staff.email,
        {"list": "connection", "page": "1", "searched": True},
    )


def test_only_staff_with_the_permission_stop_everything_or_acknowledge(cast, staff) -> None:
    now = timezone.now()
    role = IntegrationRole.objects.create(role_arn="arn", role_id="AROA", first_seen_at=now)
    cast.staff.is_superuser = False
    cast.staff.save()
    stop = "/admin/integrations/emergencystop/"
    acknowledge = f"/admin/integrations/integrationrole/{role.pk}/acknowledge/"

    for url in (f"{stop}switch/", acknowledge):
        assert staff.post(url, {"wanted": "start", "reason": "Test"}).status_code == 403
    assert "You do not have the permission" in staff.get(stop).content.decode()
    assert EmergencyStop.objects.count() == 0

    call_command("staff", cast.staff.email, "--may", "use_emergency_stop", stdout=StringIO())

    for url in (f"{stop}switch/", acknowledge):
        assert staff.post(url, {"wanted": "start", "reason": "Test"}).status_code == 302
    assert EmergencyStop.objects.count() == 1
    role.refresh_from_db()
    assert role.acknowledged_at is not None


def test_a_member_of_staff_is_made_who_may_look_and_no_more(cast) -> None:
    said = StringIO()

    call_command("staff", "New@vendor.example", stdout=said)
    call_command("staff", "new@vendor.example", "--may", "manage_service_tokens", stdout=said)
    call_command("staff", "new@vendor.example", "--may-not", "manage_service_tokens", stdout=said)

    user = User.objects.get(email="new@vendor.example")
    assert (user.is_staff, user.is_superuser, user.user_permissions.count()) == (True, False, 0)
    assert user.check_password(re.search(r"in person: (\S+)", said.getvalue())[1])
    with staff_scope():
        granted = AuditEvent.objects.filter(action="system:staff:permission_changed").order_by("pk")
        assert [event.data["granted"] for event in granted] == [True, False]
    with pytest.raises(CommandError, match="no member of the support staff"):
        call_command("staff", cast.owner.email, "--may", "use_emergency_stop")


def test_a_long_list_is_estimated_and_its_pages_are_right(cast, staff, monkeypatch) -> None:
    monkeypatch.setattr("tenants.admin.COUNTED_TO", 60)
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name=f"{n:03}") for n in range(130))
    with databases["owner"].cursor() as cursor:
        cursor.execute("ANALYZE integrations_connection")

    seen = [
        connection.name
        for page in ("1", "2", "3")
        for connection in staff.get(LIST, {"p": page}).context["cl"].result_list
    ]

    assert staff.get(LIST).context["cl"].result_count >= 60
    assert staff.get(LIST, {"status": "unsafe"}).context["cl"].result_count == 0
    assert sorted(seen) == [f"{n:03}" for n in range(130)]


def test_an_account_that_another_tenant_proved_is_shown_to_staff(cast, staff) -> None:
    mine, theirs = connect(cast.tenant), connect(cast.other_tenant)
    with tenant_scope(cast.other_tenant.pk):
        ProvedAccount.objects.create(account_id=mine.account_id, tenant=cast.other_tenant, connection=theirs)

    assert "Proved by Red Mill" in staff.get(f"{LIST}{mine.pk}/change/").content.decode()
    assert "Proved by" not in staff.get(f"{LIST}{theirs.pk}/change/").content.decode()


def test_what_is_the_customers_organisations_own_is_redacted_for_staff(cast, staff) -> None:
    text = "explicit deny in a service control policy: arn:aws:organizations::1:policy/o-abcdefghij/scp/p-abcdefgh"
    connection = connect(cast.tenant)
    verification = verified(
        connection,
        {
            "outcome": "denied",
            "who": "customer_organisation",
            "title": "Blocked by p-abcdefgh",
            "detail": text,
            "fix": "Ask about ou-abcd-12345678.",
        },
    )

    for url in (
        f"/admin/integrations/verification/{verification.pk}/change/",
        f"{LIST}{connection.pk}/change/",
        f"/admin/tenants/tenant/{cast.tenant.pk}/change/",
    ):
        page = staff.get(url).content.decode()
        assert "[organisation]" in page
        for secret in ("o-abcdefghij", "p-abcdefgh", "ou-abcd-12345678"):
            assert secret not in page


def test_findings_are_shown_hop_by_hop(cast, staff) -> None:
    verification = verified(
        connect(cast.tenant),
        {"outcome": "passed", "check_code": "chain.component_to_integration", "title": "First hop"},
        {"outcome": "passed", "check_code": "chain.integration_to_customer", "title": "Second hop"},
        {"outcome": "denied", "action": "logs:DescribeLogGroups", "region": "eu-west-1", "title": "Missing"},
    )

    page = staff.get(f"/admin/integrations/verification/{verification.pk}/change/").content.decode()

    assert page.index("First hop") < page.index("Second hop") < page.index("Missing")
    assert "logs:DescribeLogGroups" in page
    assert "eu-west-1" in page


def ask(staff: Client, *connections: Connection) -> list[str]:
    chosen = {
        "action": "ask_for_verification",
        "_selected_action": [str(connection.pk) for connection in connections],
        "reason": "The customer called.",
    }
    answer = staff.post(LIST, chosen, follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    return [str(message) for message in answer.context["messages"]]


def test_staff_ask_for_verifications_across_tenants_and_customers_see_who_asked(cast, staff) -> None:
    mine, theirs = connect(cast.tenant), connect(cast.other_tenant)
    bare = connect(cast.tenant, "No account yet", "")

    told = ask(staff, mine, theirs, bare)

    assert told == [
        "No account yet: Give the 12-digit id of your AWS account first, then verify.",
        "A verification is under way for 2 of 3.",
    ]
    for tenant, connection in ((cast.tenant, mine), (cast.other_tenant, theirs)):
        with tenant_scope(tenant.pk):
            verification = Verification.objects.get(connection=connection)
            event = AuditEvent.objects.get(action="admin:verification:requested")
        assert (verification.state, verification.requested_by) == ("queued", cast.staff.email)
        assert (event.actor_kind, event.actor_name, event.target_id) == (
            "staff",
            cast.staff.email,
            str(verification.pk),
        )
    assert ask(staff, mine) == ["A verification is under way for 1 of 1."]
    with tenant_scope(cast.tenant.pk):
        assert Verification.objects.count() == 1


def test_without_a_reason_nothing_is_asked_for(cast, staff) -> None:
    connection = connect(cast.tenant)
    chosen = {"action": "ask_for_verification", "_selected_action": [str(connection.pk)]}

    asked = staff.post(LIST, chosen)
    empty = staff.post(LIST, chosen | {"reason": " "})

    assert (asked.status_code, empty.status_code) == (200, 422)
    assert f'name="_selected_action" value="{connection.pk}"' in asked.content.decode()
    with tenant_scope(cast.tenant.pk):
        assert Verification.objects.count() == 0


def event(tenant: Tenant, action: str) -> AuditEvent:
    with tenant_scope(tenant.pk):
        return AuditEvent.objects.get(action=f"admin:{action}")


def test_what_staff_do_needs_a_reason_that_the_customer_reads(cast, staff, sign_in) -> None:
    connection = connect(cast.tenant)
    set_statuses(connection, log_analysis=Status.CONNECTED)
    with tenant_scope(cast.tenant.pk):
        token, _ = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        owner = Member.objects.get(user=cast.owner)
        invitation = invite(tenant=cast.tenant, email="new@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
    page, of_tenant = f"{LIST}{connection.pk}/", f"/admin/tenants/tenant/{cast.tenant.pk}/"
    wanted = {
        f"{page}verify/": ({}, "verification:requested"),
        f"{page}pause/": ({}, "connection:paused"),
        f"{of_tenant}resend-invitation/": ({"chosen": str(invitation.pk)}, "invitation:resent"),
        f"{of_tenant}revoke-token/": ({"chosen": str(token.pk)}, "api_token:revoked"),
    }

    for url, (data, action) in wanted.items():
        assert staff.get(url).status_code == 200
        for reason in ({}, {"reason": " "}, {"reason": "x" * 501}):
            assert staff.post(url, data | reason).status_code == 422, url
        with tenant_scope(cast.tenant.pk):
            assert not AuditEvent.objects.filter(action=f"admin:{action}").exists()
        answer = staff.post(url, data | {"reason": "They called us."})
        assert answer.status_code == 302, (url, answer.content)
        done = event(cast.tenant, action)
        assert (done.actor_kind, done.actor_name, done.data["reason"]) == (
            "staff",
            cast.staff.email,
            "They called us.",
        )

    shown = sign_in(cast.owner).get(f"/tenants/{cast.tenant.pk}/audit/").content.decode()
    assert shown.count("They called us.") == len(wanted)
    with tenant_scope(cast.tenant.pk):
        assert {role.status for role in connection.roles.all()} == {Status.PAUSED}
        assert set(connection.status_changes.filter(after="paused").values_list("cause", flat=True)) == {
            "paused_by_support"
        }
        assert ApiToken.objects.get().revoked_at is not None


def test_another_tenants_things_are_no_choice(cast, staff) -> None:
    with tenant_scope(cast.other_tenant.pk):
        token, _ = create_token(tenant=cast.other_tenant, name="Theirs", user=cast.stranger, by=SYSTEM)

    data = {"chosen": str(token.pk), "reason": "Test"}
    answer = staff.post(f"/admin/tenants/tenant/{cast.tenant.pk}/revoke-token/", data)

    assert answer.status_code == 422
    with tenant_scope(cast.other_tenant.pk):
        assert ApiToken.objects.get().revoked_at is None


def test_staff_are_told_when_the_queue_is_away(cast, staff, monkeypatch) -> None:
    use_broker(monkeypatch, AWAY)

    told = ask(staff, connect(cast.tenant))

    assert told == ["Production: the queue is unavailable, nothing was started."]


def test_tenants_take_turns() -> None:
    many, few = uuid4(), uuid4()
    chosen = [(many, uuid4(), f"many {number}") for number in range(3)] + [(few, uuid4(), "few")]

    assert [name for _, _, name in _in_turn(chosen)] == ["many 0", "few", "many 1", "many 2"]


def test_no_more_than_a_hundred_are_asked_for_at_once(cast, staff) -> None:
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name=f"{n}") for n in range(101))
        chosen = list(Connection.objects.all())

    assert ask(staff, *chosen) == ["Choose 100 connections at the most."]


def test_nothing_can_be_added_changed_or_deleted(cast, staff) -> None:
    connection = connect(cast.tenant)
    verification = verified(connection, {"outcome": "passed"})
    with tenant_scope(cast.tenant.pk):
        open_session(verification)
    models = list(admin.site._registry)
    assert {model._meta.model_name for model in models} == {
        "tenant",
        "member",
        "apitoken",
        "auditevent",
        "connection",
        "verification",
        "session",
        "emergencystop",
        "vendoridentity",
        "vendorsession",
        "integrationrole",
        "vendorexamination",
        "servicetoken",
    }

    for model in models:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        readable = [field.attname for field in model._meta.concrete_fields if field.name != "digest"]
        rows = model._default_manager.using("staff").values(*readable)
        row = model._default_manager.using("staff").only("pk").first()
        assert staff.get(f"{base}add/").status_code == 403
        assert staff.post(f"{base}add/", {"name": "New"}).status_code == 403
        if row is None:
            continue
        before = rows.get(pk=row.pk)
        assert staff.get(f"{base}{row.pk}/change/").status_code == 200
        assert staff.post(f"{base}{row.pk}/change/", {"name": "Changed", "external_id": "x"}).status_code == 403
        assert staff.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        staff.post(base, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
        assert rows.get(pk=row.pk) == before


def test_f01_the_staffs_database_role_cannot_write_an_external_id_either(cast) -> None:
    connection = connect(cast.tenant)

    for model in (Connection, CustomerRole, Verification, Finding, ProvedAccount):
        with staff_scope(), pytest.raises(ProgrammingError, match="permission denied"):
            model.objects.filter(tenant_id=cast.tenant.pk).update(tenant_id=cast.tenant.pk)
    with tenant_scope(cast.tenant.pk):
        assert Connection.objects.get().external_id == connection.external_id


@pytest.mark.parametrize(
    "url", [LIST, "/admin/integrations/verification/", "/admin/tenants/tenant/", "/admin/tenants/auditevent/"]
)
def test_a_list_takes_as_many_queries_for_fifty_as_for_one(cast, staff, url) -> None:
    def queries() -> int:
        with CaptureQueriesContext(databases["staff"]) as captured:
            assert staff.get(url).status_code == 200
        return len(captured)

    verified(connect(cast.tenant), {"outcome": "denied", "who": "customer"})
    queries()
    with_one = queries()
    for _ in range(49):
        verified(connect(cast.tenant), {"outcome": "denied", "who": "customer"})

    # A list of several pages finds the keys of the page first.
    assert queries() <= with_one + 1
    assert with_one <= 12


def test_a_tenants_page_takes_as_many_queries_for_twenty_connections_as_for_one(cast, staff) -> None:
    def queries() -> int:
        with CaptureQueriesContext(databases["staff"]) as captured:
            assert staff.get(f"/admin/tenants/tenant/{cast.tenant.pk}/change/").status_code == 200
        return len(captured)

    verified(connect(cast.tenant))
    queries()  # what a process asks once
    with_one = queries()
    for _ in range(19):
        verified(connect(cast.tenant))

    assert queries() == with_one


def test_no_page_for_staff_breaks_its_content_security_policy(cast, staff, browser_page) -> None:
    verification = verified(connect(cast.tenant), {"outcome": "denied", "who": "customer"})
    complaints: list[str] = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    browser_page.context.add_cookies(
        [{"name": "sessionid", "value": staff.cookies["sessionid"].value, "url": f"http://127.0.0.1:{PORTAL_PORT}"}]
    )

    for url in (
        "/admin/",
        LIST,
        f"{LIST}{verification.connection_id}/change/",
        f"/admin/integrations/verification/{verification.pk}/change/",
        f"/admin/tenants/tenant/{cast.tenant.pk}/change/",
    ):
        answer = browser_page.goto(url)
        assert answer.status == 200
        browser_page.wait_for_load_state("networkidle")
        assert browser_page.locator("h1, h2").count()

    favicon = ("/favicon.ico", "Failed to load resource")  # browsers ask for it by themselves
    assert [text for text in complaints if not any(part in text for part in favicon)] == []
