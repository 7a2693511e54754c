"""Checks of reachability share a session in the integration role; every worker forgets it when a role is out of use."""

import time

import pytest
from celery import current_app

from integrations.actions import verification_runs
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import pause
from integrations.actions.verifications import request_verification
from integrations.launch_sessions import launch_sessions
from integrations.models import Connection, Verification
from tenants.audit import SYSTEM, Actor
from tenants.scope import tenant_scope
from tests.brokers import AWAY, unread, use_broker
from tests.customer import connection_with_stack, sandbox_control, verify_twice


@pytest.fixture(autouse=True)
def none_of_another_test(broker, monkeypatch):
    use_broker(monkeypatch, unread(broker))
    launch_sessions().clear()
    yield
    launch_sessions().clear()


@pytest.fixture
def connection(cast, sandbox_address) -> Connection:
    """A connected role."""
    made, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(made)
    return made


def check_reachability(connection: Connection) -> Verification:
    with tenant_scope(connection.tenant_id):
        asked = request_verification(connection=connection, by=SYSTEM, checks="reachability")
    verification_runs.run(tenant_id=connection.tenant_id, verification_id=asked.pk)
    with tenant_scope(connection.tenant_id):
        return Verification.objects.get(pk=asked.pk)


def roles_entered(verification: Verification) -> list[str]:
    """The roles that the verification's receipts name, without their prefix."""
    with tenant_scope(verification.tenant_id):
        arns = verification.sessions.order_by("opened_at").values_list("role_arn", flat=True)
        return [arn.rpartition("/")[2].split("-")[0] for arn in arns]


def test_the_second_check_enters_the_customers_role_alone_and_anew(connection) -> None:
    first, second = check_reachability(connection), check_reachability(connection)

    assert roles_entered(first) == ["integration", "rolebridge"]
    assert roles_entered(second) == ["rolebridge"], "a receipt for each session that was opened, and for no other"
    assert second.state == "completed"
    with tenant_scope(connection.tenant_id):
        title = second.findings.get(check_code="chain.component_to_integration").title
    assert "since a moment ago" in title


def test_a_whole_verification_proves_every_hop_anew(connection) -> None:
    check_reachability(connection)

    whole = verification_runs.verify_now(connection=connection, by=SYSTEM)

    with tenant_scope(connection.tenant_id):
        purposes = whole.sessions.filter(role_arn__endswith="/integration").values_list("purpose", flat=True)
        assert "verification" in purposes


def test_a_session_that_aws_calls_expired_is_opened_again_once(connection) -> None:
    check_reachability(connection)
    sandbox_control(
        "faults", {"kind": "error", "service": "sts", "operation": "AssumeRole", "code": "ExpiredToken", "status": 400,
                   "count": 1},
    )  # fmt: skip

    second = check_reachability(connection)

    sandbox_control("faults", {"clear": True})
    assert second.state == "completed"
    assert roles_entered(second) == ["integration", "rolebridge"]


@pytest.mark.parametrize("act", [pause, request_removal])
def test_what_takes_a_role_out_of_use_drops_its_session(connection, cast, act) -> None:
    check_reachability(connection)
    assert len(launch_sessions()) == 1

    with tenant_scope(cast.tenant.pk):
        act(connection=connection, by=Actor.user(cast.owner))

    assert len(launch_sessions()) == 0


def test_a_quarantine_drops_its_session(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    check_reachability(connection)
    with tenant_scope(cast.tenant.pk):
        name = connection.roles.get().name
    account.remove_external_id_condition(name)

    verification_runs.verify_now(connection=connection, by=SYSTEM)

    assert len(launch_sessions()) == 0


def test_a_pause_works_with_the_queue_away(connection, cast, monkeypatch) -> None:
    check_reachability(connection)
    use_broker(monkeypatch, AWAY)

    with tenant_scope(cast.tenant.pk):
        assert pause(connection=connection, by=Actor.user(cast.owner)) == ["log-analysis"]


def test_every_worker_forgets_it(connection, cast, worker) -> None:
    """A worker process has its own memory: it is told through the queue, and says how many it holds."""
    with tenant_scope(cast.tenant.pk):
        asked = request_verification(connection=connection, by=SYSTEM, checks="reachability")
    wait_until(lambda: state(asked) == "completed")
    held = held_by_the_worker()
    assert held >= 1

    with tenant_scope(cast.tenant.pk):
        pause(connection=connection, by=Actor.user(cast.owner))

    wait_until(lambda: held_by_the_worker() == held - 1)


def held_by_the_worker() -> int:
    """What it answers when it is told to forget the sessions of a connection that there is not."""
    nobody = {"connection_ref": "nobody"}
    (answer,) = current_app.control.broadcast("drop_sessions", arguments=nobody, reply=True, timeout=10, limit=1)
    ((_, said),) = answer.items()
    return said["left"]


def state(verification: Verification) -> str:
    with tenant_scope(verification.tenant_id):
        verification.refresh_from_db()
    return verification.state


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
