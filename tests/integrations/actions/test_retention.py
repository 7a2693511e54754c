"""What is too old is rolled up and deleted, a bounded number at a time, and nobody misses it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import connections as databases
from django.utils import timezone

from integrations import tasks
from integrations.actions import retention
from integrations.actions.connections import create_connection
from integrations.actions.retention import forget_old_verifications, send_tasks
from integrations.actions.status_changes import changes_since
from integrations.models import Connection, Finding, Session, StatusChange, Verification
from integrations.views.timelines import WINDOW, timeline_of
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, Tenant
from tenants.scope import call, tenant_scope
from tests.brokers import unread, use_broker
from tests.environment import DATABASE

SCP, BY_ORGANISATION = "denied_by_scp", "customer_organisation"
KINDS = (("passed", "", "nobody"), ("passed", "", "nobody"), ("denied", SCP, BY_ORGANISATION))
COUNTS = [
    {"component": "log-analysis", "outcome": "denied", "cause": SCP, "who": BY_ORGANISATION, "count": 1},
    {"component": "log-analysis", "outcome": "passed", "cause": "", "who": "nobody", "count": 2},
]  # fmt: skip


@pytest.fixture
def connection(cast) -> Connection:
    return connection_of(cast.tenant)


def connection_of(tenant: Tenant) -> Connection:
    with tenant_scope(tenant.pk):
        return create_connection(tenant=tenant, name="Production", account_id="123456789012", by=SYSTEM)


def verified(connection: Connection, days_ago: float, state: str = "completed", checks: str = "all") -> Verification:
    """A verification of so many days ago, with findings and a receipt."""
    at = timezone.now() - timedelta(days=days_ago)
    with tenant_scope(connection.tenant_id):
        one = Verification.objects.create(
            tenant_id=connection.tenant_id, connection=connection, state=state, checks=checks,
            requested_by="Rolebridge", started_at=at, finished_at=at,
        )  # fmt: skip
        Verification.objects.filter(pk=one.pk).update(requested_at=at)
        for outcome, cause, who in KINDS:
            Finding.objects.create(
                tenant_id=connection.tenant_id, verification=one, component="log-analysis", check_code="permission",
                outcome=outcome, cause=cause, who=who, title="We looked", detail="AWS's own words",
            )  # fmt: skip
        Session.objects.create(
            tenant_id=connection.tenant_id, connection=connection, verification=one, component="log-analysis",
            purpose="verification", opened_at=at, expires_at=at + timedelta(hours=1), role_arn="arn", session_name="s",
            access_key_id=f"ASIA{one.pk.hex}",
        )  # fmt: skip
    return one


def kept(connection: Connection) -> dict[str, tuple[int, int]]:
    """Of each verification that is there: its findings and its receipts, the oldest first."""
    with tenant_scope(connection.tenant_id):
        return {
            one.requested_at.strftime("%Y-%m-%d"): (one.findings.count(), one.sessions.count())
            for one in Verification.objects.filter(connection=connection).order_by("requested_at")
        }


def day(days_ago: float) -> str:
    return (timezone.now() - timedelta(days=days_ago)).strftime("%Y-%m-%d")


def with_something_old() -> list[object]:
    return [row[0] for row in call("tenants_with_old_verifications", *retention._kept_since(), 10)]


def test_old_findings_are_counted_and_deleted_and_the_latest_stay(cast, connection) -> None:
    old, _young = verified(connection, 100), verified(connection, 10)

    done = forget_old_verifications(tenant_id=cast.tenant.pk)

    assert done == {"rolled_up": 1, "findings": 3, "verifications": 0, "sessions": 0}
    assert kept(connection) == {day(100): (0, 1), day(10): (3, 1)}
    with tenant_scope(cast.tenant.pk):
        assert Verification.objects.get(pk=old.pk).rolled_up == COUNTS
        event = AuditEvent.objects.get(action="system:tenant:old_data_deleted")
    assert (event.actor_name, event.data) == ("Rolebridge", done)
    assert with_something_old() == []


def test_older_verifications_and_receipts_are_deleted(cast, connection) -> None:
    verified(connection, 500), verified(connection, 200), verified(connection, 1)

    forget_old_verifications(tenant_id=cast.tenant.pk)

    assert kept(connection) == {day(200): (0, 1), day(1): (3, 1)}
    with tenant_scope(cast.tenant.pk):
        assert Session.objects.count() == 2


@pytest.mark.parametrize(
    ("state", "checks"), [("failed", "all"), ("completed", "reachability")], ids=["no verdict", "reachability alone"]
)
def test_what_says_how_things_stand_is_kept_at_any_age(cast, connection, state, checks) -> None:
    verified(connection, 450)
    verified(connection, 440, state, checks)

    forget_old_verifications(tenant_id=cast.tenant.pk)

    assert kept(connection) == {day(450): (3, 0), day(440): (3, 0)}


def test_the_history_of_statuses_and_the_timeline_stay_as_they_were(cast, connection) -> None:
    old = verified(connection, 500)
    verified(connection, 3)
    with tenant_scope(cast.tenant.pk):
        for days_ago, before, after in ((500, "awaiting", "connected"), (20, "connected", "degraded")):
            StatusChange.objects.create(
                tenant=cast.tenant, connection=connection, verification=old, component="log-analysis",
                at=timezone.now() - timedelta(days=days_ago), before=before, after=after, cause="verification",
            )  # fmt: skip
    now = timezone.now()

    def seen() -> tuple[object, ...]:
        with tenant_scope(cast.tenant.pk):
            changes = changes_since(connection, now - WINDOW)
            everything = connection.status_changes.values_list("at", "component", "before", "after", "cause")
            return timeline_of(connection.roles.all(), changes, now=now), list(everything)

    was = seen()
    forget_old_verifications(tenant_id=cast.tenant.pk)

    assert seen() == was
    with tenant_scope(cast.tenant.pk):
        assert not Verification.objects.filter(pk=old.pk).exists()


def test_one_turn_is_bounded_and_the_next_goes_on(cast, connection, monkeypatch) -> None:
    monkeypatch.setattr(retention, "MOST_VERIFICATIONS", 2)
    for days_ago in (110, 109, 108, 1):
        verified(connection, days_ago)

    first, between = forget_old_verifications(tenant_id=cast.tenant.pk), with_something_old()
    second, after = forget_old_verifications(tenant_id=cast.tenant.pk), with_something_old()

    assert (first["rolled_up"], between) == (2, [cast.tenant.pk])
    assert (second["rolled_up"], after) == (1, [])


def test_another_tenants_rows_are_not_there_to_delete(cast, connection) -> None:
    theirs = connection_of(cast.other_tenant)
    for one in (connection, theirs):
        verified(one, 500), verified(one, 1)

    forget_old_verifications(tenant_id=cast.tenant.pk)

    assert list(kept(connection)) == [day(1)]
    assert kept(theirs) == {day(500): (3, 1), day(1): (3, 1)}
    assert with_something_old() == [cast.other_tenant.pk]


def test_what_somebody_holds_is_left_and_nobody_waits(db, cast, connection) -> None:
    held = verified(connection, 100)
    verified(connection, 99), verified(connection, 1)

    with psycopg.connect(db.url(DATABASE)) as somebody:
        somebody.execute("SELECT FROM integrations_verification WHERE id = %s FOR UPDATE", [held.pk])
        while_held = forget_old_verifications(tenant_id=cast.tenant.pk)
    afterwards = forget_old_verifications(tenant_id=cast.tenant.pk)

    assert (while_held["rolled_up"], afterwards["rolled_up"]) == (1, 1)


def test_many_turns_at_once_count_each_finding_once(cast, connection, monkeypatch) -> None:
    monkeypatch.setattr(retention, "MOST_VERIFICATIONS", 3)
    for days_ago in range(100, 112):
        verified(connection, days_ago)
    verified(connection, 1)

    def turn(_: int) -> int:
        done = forget_old_verifications(tenant_id=cast.tenant.pk)["rolled_up"]
        databases["default"].close()
        return done

    with ThreadPoolExecutor(4) as threads:
        done = sum(threads.map(turn, range(8)))

    assert done == 12
    with tenant_scope(cast.tenant.pk):
        rolled_up = Verification.objects.exclude(rolled_up__isnull=True).values_list("rolled_up", flat=True)
        assert list(rolled_up) == [COUNTS] * 12


def test_beat_sends_each_tenant_one_task_which_does_its_turn(cast, connection, broker, monkeypatch) -> None:
    theirs = connection_of(cast.other_tenant)
    for one in (connection, theirs):
        verified(one, 100), verified(one, 101), verified(one, 1)
    address = unread(broker)
    use_broker(monkeypatch, address)

    sent = send_tasks()
    for tenant in (cast.tenant, cast.other_tenant):
        tasks.forget_old_verifications(str(tenant.pk))

    assert sent == 2
    assert with_something_old() == []


def test_a_page_and_the_api_show_the_counts_and_offer_no_report(cast, connection, sign_in, api) -> None:
    old = verified(connection, 100)
    verified(connection, 1)
    forget_old_verifications(tenant_id=cast.tenant.pk)
    page, address = (
        sign_in(cast.viewer),
        f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/verifications/{old.pk}/",
    )

    shown = page.get(address).content.decode()
    answer = api(cast.owner, cast.tenant).get(f"/api/v1/verifications/{old.pk}/").json()

    assert "How many findings it had" in shown
    assert "denied_by_scp" in shown
    assert "Report for an auditor" not in shown
    assert page.get(f"{address}report/").status_code == 404
    assert (answer["findings"], answer["rolled_up"]) == ([], COUNTS)
