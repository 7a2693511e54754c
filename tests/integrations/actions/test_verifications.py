"""Verifications: asked for once, run under a lease, ended once, and turned into statuses."""

import os
import signal
import threading
import time
from datetime import timedelta

import psycopg
import pytest
import redis
from django.db import connections
from django.utils import timezone

from integrations.actions import landing, role_jobs, verification_runs, verifications
from integrations.actions.connections import create_connection, update_connection
from integrations.actions.role_templates import cloudformation_template
from integrations.actions.verification_claims import LeaseLost, claim_verification
from integrations.aws import report as aws_report
from integrations.models import Connection, Finding, Session, Verification
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent
from tenants.scope import staff_scope, tenant_scope
from tests import processes
from tests.brokers import AWAY, unread, use_broker
from tests.customer import connection_with_stack, sandbox_control, stack_name, verify_twice
from tests.environment import DATABASE

State = Verification.State


def statuses(connection: Connection) -> dict[str, str]:
    with tenant_scope(connection.tenant_id):
        return {role.component: role.status for role in connection.roles.all()}


def findings(verification: Verification, **having: str) -> list[Finding]:
    with tenant_scope(verification.tenant_id):
        return list(verification.findings.filter(**having))


def request(connection: Connection) -> Verification:
    with tenant_scope(connection.tenant_id):
        return verifications.request_verification(connection=connection, by=SYSTEM)


def wait_for(connection: Connection, verification: Verification, *states: str, seconds: float = 60) -> Verification:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with tenant_scope(connection.tenant_id):
            verification.refresh_from_db()
        if verification.state in states:
            return verification
        time.sleep(0.1)
    raise AssertionError(f"{verification.state} after {seconds} s, wanted {states}")


def role_name(connection: Connection, component: str) -> str:
    with tenant_scope(connection.tenant_id):
        return connection.roles.get(component=component).name


def test_a_deployed_template_is_connected_and_every_permission_is_proved(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant)

    verification = verify_twice(connection)

    assert verification.state == State.COMPLETED
    assert set(statuses(connection).values()) == {"connected"}, findings(verification)
    assert len(findings(verification, check_code="trust.no_external_id", outcome="passed")) == 3
    assert len(findings(verification, check_code="trust.wrong_external_id", outcome="passed")) == 3
    assert not findings(verification, check_code="permission", outcome="denied")


def test_each_session_leaves_a_receipt_and_no_credential(cast, db, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    with tenant_scope(cast.tenant.pk):
        sessions = list(verification.sessions.all())
        roles = {session.role_arn for session in sessions if session.purpose == "verification"}
    assert any(arn.startswith(f"arn:aws:iam::{account.account_id}:role/rolebridge-") for arn in roles)
    assert any("integration" in arn for arn in roles)
    assert all(session.access_key_id.startswith("ASIA") and session.request_id for session in sessions)
    dump = all_rows(db)
    assert sessions[0].access_key_id in dump, "the dump holds the receipts"
    for secret in ("SecretAccessKey", "SessionToken", "aws_secret_access_key"):
        assert secret not in dump


def all_rows(db) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(db.url(DATABASE)) as superuser:
        tables = [name for (name,) in superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return "".join(str(superuser.execute(f'SELECT * FROM "{table}"').fetchall()) for table in tables)


def test_a_role_that_asks_for_no_external_id_is_unsafe_until_two_clean_rounds(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    name = role_name(connection, "log-analysis")
    trust = account.remove_external_id_condition(name)

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "unsafe"}
    assert findings(verification, outcome="violated")
    account.set_trust(name, trust)
    clean = verification_runs.verify_now(connection=connection, by=SYSTEM)
    assert clean.state == State.COMPLETED
    assert statuses(connection) == {"log-analysis": "unsafe"}, "one clean round does not lift the quarantine"
    with tenant_scope(cast.tenant.pk):
        purposes = set(clean.sessions.values_list("purpose", flat=True))
    assert purposes <= {"trust_test", "canary"}, "no session of use is opened in a role in quarantine"
    verification_runs.verify_now(connection=connection, by=SYSTEM)
    assert statuses(connection) == {"log-analysis": "connected"}
    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.filter(action="system:customer_role:quarantine_lifted").count() == 1


def test_a_quarantined_role_that_went_away_comes_back_quarantined(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    name = role_name(connection, "log-analysis")
    trust = account.remove_external_id_condition(name)
    verification_runs.verify_now(connection=connection, by=SYSTEM)
    account.set_trust(name, trust | {"Statement": [statement | {"Effect": "Deny"} for statement in trust["Statement"]]})
    verification_runs.verify_now(connection=connection, by=SYSTEM)
    assert statuses(connection) == {"log-analysis": "awaiting"}

    account.set_trust(name, trust)
    verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "unsafe"}


def test_a_permission_that_was_taken_away_is_named(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["compute-analysis"])
    account.remove_permission(role_name(connection, "compute-analysis"), "ec2:DescribeInstances")

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert statuses(connection) == {"compute-analysis": "degraded"}
    (denied,) = findings(verification, outcome="denied")
    assert (denied.action, denied.who) == ("ec2:DescribeInstances", "customer")


def test_nothing_deployed_is_awaiting_and_what_worked_before_is_unreachable(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    account.delete(stack_name(connection))
    verification_runs.verify_now(connection=connection, by=SYSTEM)
    assert statuses(connection) == {"log-analysis": "awaiting"}

    with tenant_scope(cast.tenant.pk):
        text = cloudformation_template(connection=connection).text
    account.deploy(stack_name(connection), text)
    verify_twice(connection)
    assert statuses(connection) == {"log-analysis": "connected"}
    account.delete(stack_name(connection))
    verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "unreachable"}


def test_a_role_that_worked_and_is_gone_is_not_taken_for_a_new_one_however_often_the_customer_asks(
    cast, sandbox_address
) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    owner = Actor.user(cast.owner)
    verify_twice(connection, by=owner)
    account.delete(stack_name(connection))

    verification = verification_runs.verify_now(connection=connection, by=owner)

    assert statuses(connection) == {"log-analysis": "unreachable"}
    (refusal,) = findings(verification, check_code="chain.integration_to_customer")
    assert (refusal.cause, refusal.who) == ("role_not_assumable", "customer")


def test_a_role_that_the_customer_says_is_deployed_is_waited_for(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    account.delete(stack_name(connection))

    verification = verification_runs.verify_now(connection=connection, by=Actor.user(cast.owner))

    (refusal,) = findings(verification, check_code="chain.integration_to_customer")
    assert (refusal.cause, refusal.who) == ("role_young", "nobody")


def test_a_component_chosen_a_moment_ago_is_awaiting_on_an_old_connection(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)
    with tenant_scope(cast.tenant.pk):
        Verification.objects.filter(pk=verification.pk).update(requested_at=timezone.now() - timedelta(hours=100))
        update_connection(connection=connection, components=["log-analysis", "compute-analysis"], by=SYSTEM)

    verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "connected", "compute-analysis": "awaiting"}


def test_nothing_deployed_for_72_hours_is_unreachable(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    account.delete(stack_name(connection))
    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)
    long_ago = timezone.now() - timedelta(hours=73)
    with tenant_scope(cast.tenant.pk):
        Verification.objects.filter(pk=verification.pk).update(requested_at=long_ago)
        connection.roles.update(status_since=long_ago)

    verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "unreachable"}


def test_an_account_that_another_tenant_has_proved_stays_awaiting_with_a_neutral_message(cast, sandbox_address) -> None:
    first, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(first)
    with tenant_scope(cast.other_tenant.pk):
        second = create_connection(
            tenant=cast.other_tenant,
            name="Claim",
            account_id=account.account_id,
            components=["log-analysis"],
            by=SYSTEM,
        )
        text = cloudformation_template(connection=second).text
    account.deploy(stack_name(second), text)

    verification = verification_runs.verify_now(connection=second, by=SYSTEM)

    assert statuses(first) == {"log-analysis": "connected"}
    assert statuses(second) == {"log-analysis": "awaiting"}
    (finding,) = findings(verification, cause="account_not_confirmed")
    assert cast.tenant.name not in finding.title + finding.detail + finding.fix


def test_f11_an_open_role_in_an_account_that_another_tenant_has_proved_tells_the_claimant_nothing(
    cast, sandbox_address, monkeypatch, api
) -> None:
    first, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(first)
    with tenant_scope(cast.other_tenant.pk):
        claim = create_connection(
            tenant=cast.other_tenant,
            name="Claim",
            account_id=account.account_id,
            components=["log-analysis"],
            by=SYSTEM,
        )
        text = cloudformation_template(connection=claim).text
    account.deploy(stack_name(claim), text)
    account.remove_external_id_condition(role_name(claim, "log-analysis"))

    landed = []
    write = landing.write_findings

    def watch(claimed, found):
        landed.extend(found := list(found))
        write(claimed, found)

    monkeypatch.setattr(landing, "write_findings", watch)
    monkeypatch.setattr(verification_runs, "write_findings", watch)

    verification = verification_runs.verify_now(connection=claim, by=SYSTEM)

    assert landed == []  # not even for the time of the run
    assert statuses(claim) == {"log-analysis": "awaiting"}
    assert [(finding.cause, finding.who) for finding in findings(verification)] == [("account_not_confirmed", "vendor")]
    shown = api(cast.stranger, cast.other_tenant).get(f"/api/v1/connections/{claim.pk}/sessions/").json()["results"]
    assert [session["role_arn"] for session in shown if account.account_id in session["role_arn"]] == []
    with staff_scope():
        opened = Session.objects.filter(verification_id=verification.pk, role_arn__contains=account.account_id)
        assert opened.exists(), "it was opened all the same, and our staff can see it"
    with tenant_scope(cast.other_tenant.pk):
        assert not claim.roles.get().quarantined
    assert statuses(first) == {"log-analysis": "connected"}


def test_f11_a_claim_on_a_proved_account_still_reads_why_its_own_role_cannot_be_entered(cast, sandbox_address) -> None:
    first, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(first)
    with tenant_scope(cast.other_tenant.pk):
        claim = create_connection(
            tenant=cast.other_tenant,
            name="Claim",
            account_id=account.account_id,
            components=["log-analysis"],
            by=SYSTEM,
        )

    verification = verification_runs.verify_now(connection=claim, by=SYSTEM)

    assert statuses(claim) == {"log-analysis": "awaiting"}
    assert findings(verification, cause="role_not_assumable")


def test_an_open_role_in_an_account_that_nobody_has_proved_is_unsafe(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    account.remove_external_id_condition(role_name(connection, "log-analysis"))

    verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "unsafe"}


def test_typing_an_account_id_blocks_nobody(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.other_tenant.pk):
        squatter = create_connection(tenant=cast.other_tenant, name="Squat", account_id=account.account_id, by=SYSTEM)
    verification_runs.verify_now(connection=squatter, by=SYSTEM)

    verify_twice(connection)

    assert set(statuses(squatter).values()) == {"awaiting"}
    assert statuses(connection) == {"log-analysis": "connected"}


def test_asking_twice_gives_one_run(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)

    first, second = request(connection), request(connection)

    assert first.pk == second.pk
    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.filter(action="system:verification:requested").count() == 1


@pytest.mark.parametrize(
    ("changes", "message"), [({"account_id": ""}, "12-digit id"), ({"components": []}, "at least one component")]
)
def test_what_is_missing_is_said_before_anything_is_queued(cast, changes, message) -> None:
    with tenant_scope(cast.tenant.pk):
        values = {"account_id": "222222222222", "components": None} | changes
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM, **values)

    with pytest.raises(verifications.NotReady, match=message):
        request(connection)

    with tenant_scope(cast.tenant.pk):
        assert not Verification.objects.exists()


def test_with_the_queue_away_a_verification_fails_at_once_and_hangs_nowhere(cast, monkeypatch) -> None:
    use_broker(monkeypatch, AWAY)
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)

    verification = request(connection)

    wait_for(connection, verification, State.FAILED, seconds=1)
    assert verification.failure == "queue_unavailable"


def test_a_message_that_was_lost_is_sent_again_and_what_never_starts_is_ended(cast, broker, monkeypatch) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)
    use_broker(monkeypatch, unread(broker))
    verification = request(connection)
    valkey = redis.from_url(unread(broker))
    valkey.delete(verifications.SCHEDULED_QUEUE)

    def queued_for(delay: timedelta) -> None:
        with tenant_scope(cast.tenant.pk):
            Verification.objects.filter(pk=verification.pk).update(requested_at=timezone.now() - delay)
        verifications.hand_back()

    queued_for(timedelta(minutes=1))
    assert valkey.llen(verifications.SCHEDULED_QUEUE) == 1
    valkey.delete(verifications.SCHEDULED_QUEUE)
    queued_for(timedelta(minutes=11))
    assert valkey.llen(verifications.SCHEDULED_QUEUE) == 0
    valkey.close()

    wait_for(connection, verification, State.FAILED, seconds=1)
    assert verification.failure == "never_started"


def test_a_tenant_has_a_bounded_share_of_the_workers_and_its_next_run_follows(cast, broker, monkeypatch) -> None:
    use_broker(monkeypatch, unread(broker))
    with tenant_scope(cast.tenant.pk):
        made = [
            create_connection(tenant=cast.tenant, name=f"Account {number}", account_id="222222222222", by=SYSTEM)
            for number in range(verifications.MOST_RUNNING_PER_TENANT + 1)
        ]
    with tenant_scope(cast.other_tenant.pk):
        other = create_connection(tenant=cast.other_tenant, name="Other", account_id="333333333333", by=SYSTEM)
    asked = [request(connection) for connection in made]
    others = request(other)
    *running, last = [claim_verification(cast.tenant.pk, verification.pk) for verification in asked]

    assert all(running)
    assert last is None, "the tenant has its share"
    assert claim_verification(cast.other_tenant.pk, others.pk) is not None, "another tenant does not wait for it"

    valkey = redis.from_url(unread(broker))
    valkey.delete(verifications.SCHEDULED_QUEUE)
    with tenant_scope(cast.tenant.pk):
        Verification.objects.filter(pk=asked[0].pk).update(state=State.QUEUED, lease_expires_at=None)
    monkeypatch.setattr(verification_runs, "_verify", lambda claim: ([], []))
    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=asked[0].pk)
    assert valkey.llen(verifications.SCHEDULED_QUEUE) == 1, "the one that waits is sent as soon as a place is free"
    valkey.delete(verifications.SCHEDULED_QUEUE)
    valkey.close()


def test_a_message_that_comes_twice_does_not_disturb_the_run(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222222222222", by=SYSTEM)
    verification = request(connection)
    claim = claim_verification(cast.tenant.pk, verification.pk)
    finding = aws_report.Finding(
        check="permission",
        component="log-analysis",
        outcome=aws_report.Outcome.PASSED,
        cause="allowed",
        who=aws_report.Actor.NOBODY,
        title="x",
    )
    errors: list[Exception] = []
    until = time.monotonic() + 3

    def repeat(work) -> None:
        try:
            while time.monotonic() < until:
                work()
        except Exception as error:  # noqa: BLE001 — whatever it is, the test shows it
            errors.append(error)
        finally:
            connections.close_all()

    works = [
        lambda: landing.store_landed(claim, [finding]),
        lambda: claim_verification(cast.tenant.pk, verification.pk),
        lambda: claim_verification(cast.tenant.pk, verification.pk),
    ]
    threads = [threading.Thread(target=repeat, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_with_the_queue_away_what_was_tried_enough_is_still_ended(cast, monkeypatch) -> None:
    made = []
    for tenant in (cast.tenant, cast.other_tenant):
        with tenant_scope(tenant.pk):
            connection = create_connection(tenant=tenant, name="Production", account_id="222222222222", by=SYSTEM)
        verification = request(connection)
        claim_verification(tenant.pk, verification.pk)
        with tenant_scope(tenant.pk):
            Verification.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        made.append((connection, verification))
    for connection, verification in made[1:]:
        with tenant_scope(connection.tenant_id):
            Verification.objects.filter(pk=verification.pk).update(attempt=verifications.MOST_ATTEMPTS)
    use_broker(monkeypatch, AWAY)

    verifications.hand_back()

    wait_for(*made[0], State.RUNNING, seconds=1)
    wait_for(*made[1], State.FAILED, seconds=1)
    assert made[1][1].failure == "worker_lost"


def test_no_transaction_is_open_while_aws_is_called(cast, monkeypatch) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="Production", account_id="222222222222", components=["log-analysis"], by=SYSTEM
        )
    open_transactions = []

    def spy(*args, **kwargs):
        open_transactions.append(connections["default"].in_atomic_block)
        with connections["staff"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")
            open_transactions.append(cursor.fetchone() != (0,))
        connections["staff"].close()
        raise RuntimeError("an error of ours")

    monkeypatch.setattr(role_jobs, "verify_role", spy)

    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert open_transactions == [False, False]
    assert (verification.state, verification.failure) == (State.FAILED, "internal_error")
    assert statuses(connection) == {"log-analysis": "awaiting"}, "a failure of ours is no verdict"


def test_a_worker_that_lost_its_lease_writes_nothing_more(cast, monkeypatch) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="Production", account_id="222222222222", components=["log-analysis"], by=SYSTEM
        )
        verification = Verification.objects.create(tenant=cast.tenant, connection=connection, requested_by="x")
    claim = claim_verification(cast.tenant.pk, verification.pk)
    assert claim_verification(cast.tenant.pk, verification.pk) is None, "a lease that runs is respected"
    with tenant_scope(cast.tenant.pk):
        Verification.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    second = claim_verification(cast.tenant.pk, verification.pk)
    assert second is not None
    assert second.attempt == claim.attempt + 1

    with pytest.raises(LeaseLost):
        landing.store_landed(claim, [])
    with pytest.raises(LeaseLost):
        verification_runs._complete(claim, [], [])

    with tenant_scope(cast.tenant.pk):
        verification.refresh_from_db()
    assert verification.state == State.RUNNING


def test_a_worker_killed_in_mid_verification_loses_nothing(cast, broker, sandbox_address, monkeypatch) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis", "compute-analysis"])
    # Queues of their own, or a worker that another test has started would help.
    alone = f"{broker}/8"
    use_broker(monkeypatch, alone)
    environment = {"VERIFICATION_LEASE_SECONDS": "3", "CELERY_BROKER_URL": alone}
    # Slow enough to be killed in the middle, bounded so that nothing after it is slow.
    sandbox_control("faults", {"kind": "latency", "seconds": 2, "account": connection.account_id, "count": 40})
    with processes.celery_worker("first-worker", environment) as first:
        verification = request(connection)
        wait_for(connection, verification, State.RUNNING)
        while not findings(verification):
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    sandbox_control("faults", {"clear": True})
    assert wait_for(connection, verification, State.RUNNING).attempt == 1

    with processes.celery_beat(environment), processes.celery_worker("second-worker", environment):
        wait_for(connection, verification, State.COMPLETED, seconds=40)

    assert verification.attempt == 2
    with tenant_scope(cast.tenant.pk):
        assert set(connection.roles.values_list("passes", flat=True)) <= {1, 2}, "each passed, and counts as passed"
    with tenant_scope(cast.tenant.pk):
        ends = AuditEvent.objects.filter(action="system:verification:completed", target_id=str(verification.pk))
        assert ends.count() == 1
        controls = verification.findings.filter(check_code="trust.no_external_id")
        assert controls.count() == 2, "what the lost attempt had found is gone, not doubled"


def test_a_running_worker_keeps_its_lease_beyond_its_length(cast, sandbox_address, worker) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])

    verification = request(connection)

    wait_for(connection, verification, State.COMPLETED)
    assert verification.attempt == 1
