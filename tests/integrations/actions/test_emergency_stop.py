"""The vendor's emergency stop: everything is paused at once, and comes back as it was."""

import threading
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections as databases
from django.test import Client
from django.utils import timezone

from integrations.actions import emergency_stop, schedule, verification_runs, verifications
from integrations.actions.connections import create_connection
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import pause, resume
from integrations.actions.targets import verification_target
from integrations.aws import stop as process_stop
from integrations.aws.verify import Finding, verify_role
from integrations.models import Connection, CustomerRole, EmergencyStop, Status, StatusChange, Verification
from integrations.vendor import vendor_settings
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent, Tenant
from tenants.scope import staff_scope, tenant_scope
from tests.customer import connection_with_stack, sandbox_control, verify_twice
from tests.receipts import open_session
from tests.verifications import statuses

BY = Actor("staff", "1", "staff@vendor.example")


@pytest.fixture(autouse=True)
def sessions_are_allowed_again(no_worker_takes_them):
    yield
    process_stop.allow_sessions()


def make(tenant: Tenant, name: str = "Production", **statuses: str) -> Connection:
    """A connection whose roles have these statuses."""
    with tenant_scope(tenant.pk):
        connection = create_connection(tenant=tenant, name=name, account_id="222233334444", by=SYSTEM)
        for component, status in statuses.items():
            connection.roles.filter(component=component.replace("_", "-")).update(
                status=status, quarantined=status == "unsafe", worked_at=timezone.now()
            )
    return connection


def stop() -> EmergencyStop:
    made = emergency_stop.start_stop(reason="A key leaked", by=BY)
    emergency_stop.follow()
    return made


def lift() -> None:
    emergency_stop.lift_stop(reason="It was a drill", by=BY)
    emergency_stop.follow()


def events(action: str, tenant: Tenant | None) -> list[AuditEvent]:
    with staff_scope():
        return list(AuditEvent.objects.filter(action=action, tenant_id=tenant.pk if tenant else None))


class TestTheFlag:
    def test_keeps_everybody_from_opening_a_session_before_any_role_follows(self, cast) -> None:
        connection = make(cast.tenant)
        with tenant_scope(cast.tenant.pk):
            queued = verifications.request_verification(connection=connection, by=SYSTEM)
            Connection.objects.update(next_verification_at=timezone.now())

        emergency_stop.start_stop(reason="A key leaked", by=BY)

        assert schedule.verify_due() == 0
        with tenant_scope(cast.tenant.pk), pytest.raises(verifications.NotReady, match="paused all access"):
            verifications.request_verification(connection=connection, by=BY)
        verification_runs.run(tenant_id=cast.tenant.pk, verification_id=queued.pk)
        with tenant_scope(cast.tenant.pk):
            queued.refresh_from_db()
            assert (queued.state, queued.failure) == ("failed", "stopped_by_vendor")
            assert not connection.sessions.exists()

    def test_stops_a_worker_in_mid_run(self, cast, sandbox_address, worker) -> None:
        connection, account = connection_with_stack(cast.tenant)
        sandbox_control("faults", {"kind": "latency", "seconds": 1, "account": account.account_id, "count": 60})
        with tenant_scope(cast.tenant.pk):
            verification = verifications.request_verification(connection=connection, by=SYSTEM)
        landed = False
        while not landed:
            time.sleep(0.05)
            with tenant_scope(cast.tenant.pk):
                landed = verification.findings.exists()

        emergency_stop.start_stop(reason="A key leaked", by=BY)

        wait_for_end(verification)
        sandbox_control("faults", {"clear": True})
        with tenant_scope(cast.tenant.pk):
            verification.refresh_from_db()
            opened = connection.sessions.filter(opened_at__gt=verification.finished_at)
            assert (verification.state, verification.failure) == ("failed", "stopped_by_vendor")
            assert not opened.exists()
            assert not connection.sessions.filter(purpose="inspection").exists()
        lift()

    def test_a_process_that_obeys_it_opens_none_whoever_asks(self, cast, sandbox_address) -> None:
        connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
        emergency_stop.start_stop(reason="A key leaked", by=BY)
        emergency_stop.obey()

        with tenant_scope(cast.tenant.pk):
            target = verification_target(
                Connection.objects.select_related("tenant").get(pk=connection.pk), connection.roles.get()
            )
        findings: list[Finding] = []
        report = verify_role(vendor_settings(), target, on_finding=findings.append)

        assert not report.assumable
        assert "emergency_stop" in {finding.cause for finding in findings if finding.outcome == "error"}
        assert report.receipts == ()


def wait_for_end(verification: Verification) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with tenant_scope(verification.tenant_id):
            verification.refresh_from_db()
        if not verification.is_active:
            return
        time.sleep(0.1)
    raise AssertionError(verification.state)


class TestPausedAndRestored:
    def test_every_role_is_paused_and_becomes_what_it_was(self, cast) -> None:
        mine = make(cast.tenant, log_analysis="connected", compute_analysis="unsafe", storage_analysis="removing")
        theirs = make(cast.other_tenant, log_analysis="degraded", compute_analysis="paused")
        before = [statuses(mine), statuses(theirs)]

        stop()
        stopped = [statuses(mine), statuses(theirs)]
        lift()

        assert stopped == [
            {"log-analysis": "paused", "compute-analysis": "paused", "storage-analysis": "removing"},
            {"log-analysis": "paused", "compute-analysis": "paused", "storage-analysis": "paused"},
        ]
        assert [statuses(mine), statuses(theirs)] == before
        with tenant_scope(cast.tenant.pk):
            assert mine.roles.get(component="compute-analysis").quarantined
            causes = mine.status_changes.filter(component="log-analysis").values_list("cause", flat=True)
            assert list(causes)[:2] == ["emergency_stop_lifted", "emergency_stop"]
            assert Connection.objects.get(pk=mine.pk).next_verification_at is not None

    def test_what_customers_pause_meanwhile_stays_paused(self, cast) -> None:
        connection = make(cast.tenant, log_analysis="connected", compute_analysis="connected")
        stop()
        with tenant_scope(cast.tenant.pk):
            assert pause(connection=connection, by=BY, components=["log-analysis"]) == ["log-analysis"]
            with pytest.raises(verifications.NotReady, match="paused all access"):
                resume(connection=connection, by=BY)

        lift()

        assert statuses(connection) == {
            "log-analysis": "paused",
            "compute-analysis": "connected",
            "storage-analysis": "awaiting",
        }
        with tenant_scope(cast.tenant.pk):
            assert resume(connection=connection, by=BY) == ["log-analysis"]

    def test_what_customers_remove_meanwhile_is_looked_at_afterwards(self, cast) -> None:
        connection = make(cast.tenant, log_analysis="connected")
        stop()
        with tenant_scope(cast.tenant.pk):
            request_removal(connection=connection, by=BY)
            Connection.objects.update(next_verification_at=timezone.now())

        lift()

        assert set(statuses(connection).values()) == {"removing"}
        assert schedule.verify_due() == 1

    def test_what_is_connected_stays_so_with_the_next_pass(self, cast, sandbox_address) -> None:
        connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
        verify_twice(connection)
        stop()
        lift()

        verification_runs.verify_now(connection=connection, by=SYSTEM)

        assert statuses(connection) == {"log-analysis": "connected"}

    def test_a_tenant_whose_rows_are_locked_keeps_nobody_waiting(self, cast, monkeypatch) -> None:
        monkeypatch.setattr(emergency_stop, "LOCK_TIMEOUT", "200ms")
        locked, free = make(cast.tenant), make(cast.other_tenant)
        holds, release = threading.Event(), threading.Event()

        def hold() -> None:
            with tenant_scope(cast.tenant.pk):
                Tenant.objects.select_for_update().get(pk=cast.tenant.pk)
                list(Connection.objects.select_for_update())
                list(CustomerRole.objects.select_for_update())
                holds.set()
                release.wait(30)
            databases.close_all()

        thread = threading.Thread(target=hold)
        thread.start()
        assert holds.wait(10)
        emergency_stop.start_stop(reason="A key leaked", by=BY)
        progress = emergency_stop.follow()

        assert (progress.followed, progress.locked) == (1, 1)
        assert set(statuses(free).values()) == {"paused"}
        with pytest.raises(verifications.NotReady):
            verification_runs.verify_now(connection=locked, by=SYSTEM)
        release.set()
        thread.join()
        assert emergency_stop.follow() == emergency_stop.Progress(followed=1, locked=0)
        assert set(statuses(locked).values()) == {"paused"}
        assert emergency_stop.follow() == emergency_stop.Progress(followed=0, locked=0)

    def test_many_connections_follow_in_batches(self, cast) -> None:
        for tenant, number in ((cast.tenant, 450), (cast.other_tenant, 3)):
            with tenant_scope(tenant.pk):
                made = Connection.objects.bulk_create(Connection(tenant=tenant, name=str(n)) for n in range(number))
                CustomerRole.objects.bulk_create(
                    CustomerRole(tenant=tenant, connection=one, component="log-analysis", status="connected")
                    for one in made
                )

        emergency_stop.start_stop(reason="A key leaked", by=BY)

        assert emergency_stop.follow().followed == 453
        with staff_scope():
            assert set(CustomerRole.objects.values_list("status", flat=True)) == {Status.PAUSED}
            assert StatusChange.objects.filter(cause="emergency_stop").count() == 453
        emergency_stop.lift_stop(reason="Over", by=BY)
        assert emergency_stop.follow().followed == 453
        with staff_scope():
            assert set(CustomerRole.objects.values_list("status", flat=True)) == {Status.CONNECTED}

    def test_it_is_audited_for_each_tenant_and_for_the_installation_with_its_reason(self, cast) -> None:
        make(cast.tenant)
        stop()
        lift()

        (started,) = events("admin:emergency_stop:started", None)
        (lifted,) = events("admin:emergency_stop:lifted", None)
        assert (started.actor_name, started.data["reason"]) == (BY.name, "A key leaked")
        assert lifted.data["reason"] == "It was a drill"
        for action in ("paused", "restored"):
            (event,) = events(f"system:emergency_stop:{action}", cast.tenant)
            assert event.data == {"connections": 1, "roles": 3}
        assert events("system:emergency_stop:paused", cast.other_tenant) == []

    def test_started_twice_it_is_one_and_lifted_twice_it_says_so(self, cast) -> None:
        assert stop().pk == stop().pk
        lift()

        with pytest.raises(emergency_stop.NotStopped):
            lift()
        with pytest.raises(emergency_stop.NoReason):
            emergency_stop.start_stop(reason=" ", by=BY)


class TestTheCommand:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("emergency_stop", *arguments, stdout=out)
        return out.getvalue()

    def opened(self, cast):
        connection = make(cast.tenant, log_analysis="connected")
        now = timezone.now()
        with tenant_scope(cast.tenant.pk):
            verification = Verification.objects.create(
                tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
            )
            live = {"opened_at": now, "expires_at": now + timedelta(minutes=15)}
            return connection, open_session(verification, 1, **live), open_session(verification, 2)

    def test_pauses_everything_and_prints_policy_and_open_sessions(self, cast) -> None:
        connection, live, over = self.opened(cast)

        printed = self.run("--reason", "A key leaked")

        assert "1 connections are paused." in printed
        assert "aws:TokenIssueTime" in printed
        assert "arn:aws:iam::111111111111:role/rolebridge/integration" in printed
        assert live.access_key_id in printed
        assert over.access_key_id not in printed
        assert "1 sessions." in printed
        assert set(statuses(connection).values()) == {"paused"}

    def test_lifts_it_again(self, cast) -> None:
        connection = make(cast.tenant, log_analysis="connected")
        self.run("--reason", "A key leaked")

        printed = self.run("--lift", "--reason", "Over")

        assert "1 connections are restored." in printed
        assert statuses(connection)["log-analysis"] == "connected"

    def test_a_dry_run_says_all_and_changes_nothing(self, cast) -> None:
        connection, live, _ = self.opened(cast)
        before = statuses(connection)

        printed = self.run("--dry-run")

        assert "3 roles of 1 connections of 1 tenants are in use." in printed
        assert live.access_key_id in printed
        assert "Nothing was changed." in printed
        assert statuses(connection) == before
        assert not EmergencyStop.objects.exists()

    @pytest.mark.parametrize(
        ("arguments", "says"), [([], "Give a reason"), (["--lift", "--reason", "x"], "no emergency stop to lift")]
    )
    def test_says_what_is_missing(self, cast, arguments, says) -> None:
        with pytest.raises(CommandError, match=says):
            self.run(*arguments)


class TestWhoSeesIt:
    def test_customers_see_that_the_vendor_paused_it(self, cast, sign_in, api) -> None:
        connection = make(cast.tenant, log_analysis="connected")
        url = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"
        client, program = sign_in(cast.owner), api(cast.owner, cast.tenant)
        address = f"/api/v1/connections/{connection.pk}/"
        stop()

        page = client.get(url).content.decode()
        pressed = client.post(f"{url}verify/", follow=True).content.decode()
        resumed = client.post(f"{url}resume/", follow=True).content.decode()
        answer = program.get(address).json()
        refused = [program.post(f"{address}{what}/") for what in ("verifications", "resume")]

        assert "has paused all access for now." in page
        assert "Keep paused" in page
        assert "A key leaked" not in page
        assert "We have paused all access to AWS accounts for now." in pressed
        assert "We have paused all access to AWS accounts for now." in resumed
        assert (answer["status"], answer["paused_by_vendor"]) == ("paused", True)
        assert [one.json()["type"] for one in refused] == ["urn:rolebridge:problem:not-ready"] * 2
        lift()
        assert program.get(address).json()["paused_by_vendor"] is False

    def test_readiness_says_so_and_stays_ready(self, cast, sandbox_address) -> None:
        before = Client().get("/readyz")
        stop()

        during = Client().get("/readyz")

        assert (before.status_code, before.json()["alarms"]) == (200, [])
        assert (during.status_code, during.json()["alarms"]) == (200, ["emergency_stop"])

    def test_staff_start_and_lift_it_with_a_reason(self, cast, sign_in) -> None:
        connection = make(cast.tenant, log_analysis="connected")
        with tenant_scope(cast.tenant.pk):
            verification = Verification.objects.create(
                tenant=cast.tenant, connection=connection, state="completed", requested_by="Test"
            )
            now = timezone.now()
            live = open_session(verification, opened_at=now, expires_at=now + timedelta(minutes=15))
        staff, base = sign_in(cast.staff), "/admin/integrations/emergencystop/"

        without = staff.post(f"{base}switch/", {"wanted": "start", "reason": " \n "}, follow=True)
        started = staff.post(f"{base}switch/", {"wanted": "start", "reason": "A key\nleaked"}, follow=True)
        emergency_stop.follow()
        listed, home = (staff.get(page).content.decode() for page in (base, "/admin/"))
        (made,) = EmergencyStop.objects.all()
        receipts = staff.get(f"/admin/integrations/session/?open={made.pk}").content.decode()
        lifted = staff.post(f"{base}switch/", {"wanted": "lift", "reason": "Over"}, follow=True)

        assert "Give a reason" in without.content.decode()
        assert "aws:TokenIssueTime" in started.content.decode()
        assert (made.reason, made.started_by) == ("A key leaked", "staff@vendor.example")
        assert "Lift the emergency stop" in listed
        assert "Emergency stop is on" in home
        assert live.access_key_id in receipts
        assert "The emergency stop is lifted." in lifted.content.decode()
        assert sign_in(cast.owner).post(f"{base}switch/", {"wanted": "start", "reason": "x"}).status_code == 404
