"""What is due is verified by itself, once, and fairly."""

import threading
import time
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from integrations.actions import schedule, verification_runs, verifications
from integrations.actions.connections import create_connection, update_connection
from integrations.models import Connection, Verification
from tenants.audit import SYSTEM, Actor
from tenants.models import Tenant
from tenants.scope import call, tenant_scope
from tests.customer import connection_with_stack, stack_name, verify_twice


def due_connection(tenant: Tenant, minutes_overdue: float, account_id: str = "222222222222") -> Connection:
    with tenant_scope(tenant.pk):
        connection = create_connection(tenant=tenant, name="Production", account_id=account_id, by=SYSTEM)
        connection.next_verification_at = timezone.now() - timedelta(minutes=minutes_overdue)
        connection.save(update_fields=["next_verification_at"])
    return connection


def active(connection: Connection) -> list[Verification]:
    with tenant_scope(connection.tenant_id):
        return list(connection.verifications.all())


def role_name(connection: Connection) -> str:
    with tenant_scope(connection.tenant_id):
        return connection.roles.get().name


def refused(trust: dict) -> dict:
    return trust | {"Statement": [statement | {"Effect": "Deny"} for statement in trust["Statement"]]}


def wait_for_status(connection: Connection, status: str, *, verified: bool = False) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        ended = any(not verification.is_active for verification in active(connection))
        with tenant_scope(connection.tenant_id):
            if connection.roles.get().status == status and (ended or not verified):
                return
        time.sleep(0.1)
    raise AssertionError([verification.state for verification in active(connection)])


def test_what_is_due_is_verified_once_and_what_is_not_stays(cast) -> None:
    due, later = due_connection(cast.tenant, 1), due_connection(cast.tenant, -1)

    assert schedule.verify_due() == 1
    assert schedule.verify_due() == 0

    assert len(active(due)) == 1
    assert active(later) == []


def test_a_connection_without_components_is_left_alone(cast) -> None:
    connection = due_connection(cast.tenant, 1)
    with tenant_scope(cast.tenant.pk):
        update_connection(connection=connection, components=[], by=SYSTEM)

    assert schedule.verify_due() == 0
    assert call("due_connections_with_room", 10, 10) == []


def test_each_tenants_first_comes_before_any_tenants_second(cast) -> None:
    mine = [due_connection(cast.tenant, minutes) for minutes in (30, 20, 10)]
    theirs = due_connection(cast.other_tenant, 1)

    order = [connection_id for _, connection_id in call("due_connections_with_room", 10, 10)]

    assert order == [mine[0].pk, theirs.pk, mine[1].pk, mine[2].pk]


def test_what_a_tenant_has_waiting_already_counts_as_its_turns(cast) -> None:
    waiting = due_connection(cast.tenant, 40)
    with tenant_scope(cast.tenant.pk):
        verifications.request_verification(connection=waiting, by=SYSTEM)
        Connection.objects.filter(pk=waiting.pk).update(next_verification_at=None)
    mine = [due_connection(cast.tenant, minutes) for minutes in (30, 20, 10)]
    theirs = due_connection(cast.other_tenant, 1)

    order = [connection_id for _, connection_id in call("due_connections_with_room", 10, 2)]

    assert order == [theirs.pk, mine[0].pk], "one waits and one more may: a tenant's hanging accounts fill no queue"


def test_runs_at_once_take_each_connection_once(cast) -> None:
    made = [due_connection(cast.tenant, minutes) for minutes in range(1, 9)]
    counts = []

    def run() -> None:
        counts.append(schedule.verify_due())
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == len(made)
    assert all(len(active(connection)) == 1 for connection in made)


def test_a_verification_plans_the_next_one(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    owner = Actor.user(cast.owner)

    verify_twice(connection, by=owner)
    with tenant_scope(cast.tenant.pk):
        connection.refresh_from_db()
    assert connection.next_verification_at > timezone.now() + timedelta(hours=20)

    account.delete(stack_name(connection))
    verification_runs.verify_now(connection=connection, by=owner)
    with tenant_scope(cast.tenant.pk):
        connection.refresh_from_db()
    assert connection.next_verification_at < timezone.now() + timedelta(seconds=20)


def test_what_the_vendor_asks_for_does_not_say_that_something_was_deployed(cast) -> None:
    connection = due_connection(cast.tenant, 1)

    schedule.verify_due()

    with tenant_scope(cast.tenant.pk):
        connection.refresh_from_db()
    assert connection.asked_at is None


def test_another_account_begins_anew(cast) -> None:
    connection = due_connection(cast.tenant, 1)

    with tenant_scope(cast.tenant.pk):
        connection = update_connection(connection=connection, account_id="333333333333", by=SYSTEM)

    assert (connection.asked_at, connection.next_verification_at) == (None, None)


def test_a_stack_deployed_after_the_customer_asked_turns_green_by_itself(cast, sandbox_address, worker, beat) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    trust = account.iam.get_role(RoleName=role_name(connection))["Role"]["AssumeRolePolicyDocument"]
    account.set_trust(role_name(connection), refused(trust))
    with tenant_scope(cast.tenant.pk):
        verifications.request_verification(connection=connection, by=Actor.user(cast.owner))
    wait_for_status(connection, "awaiting", verified=True)

    account.set_trust(role_name(connection), trust)

    wait_for_status(connection, "connected")
