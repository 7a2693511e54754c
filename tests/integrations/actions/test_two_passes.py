"""A role becomes connected with the second verification in a row that passes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.pausing import pause, resume
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.reports import found

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


@pytest.fixture
def connection(cast) -> Connection:
    with tenant_scope(cast.tenant.pk):
        return create_connection(
            tenant=cast.tenant,
            name="Production",
            account_id="222233334444",
            components=["log-analysis"],
            by=SYSTEM,
        )


def role(connection: Connection):
    with tenant_scope(connection.tenant_id):
        return connection.roles.get()


def after(connection: Connection, *results: str) -> str:
    for result in results:
        found(connection, log_analysis=result)
    return str(role(connection).status)


@pytest.mark.parametrize(
    ("results", "status"),
    [
        (["passed"], "awaiting"),
        (["passed", "passed"], "connected"),
        (["passed", "refused", "passed"], "awaiting"),
        (["passed", "degraded", "passed"], "degraded"),
        (["passed", "degraded", "passed", "passed"], "connected"),
        (["passed", "no_verdict", "passed"], "connected"),
        (["passed", "passed", "no_verdict"], "connected"),
        (["passed", "passed", "refused", "passed"], "unreachable"),
        (["passed", "passed", "refused", "passed", "passed"], "connected"),
        (["degraded"], "degraded"),
        (["passed", "unsafe"], "unsafe"),
    ],
)
def test_the_status_follows_what_was_found_in_a_row(connection, results, status) -> None:
    assert after(connection, *results) == status


def test_the_second_pass_is_due_within_seconds_and_the_third_in_a_day(connection) -> None:
    after(connection, "passed")
    with tenant_scope(connection.tenant_id):
        connection.refresh_from_db()
    assert role(connection).is_confirming
    assert connection.next_verification_at < timezone.now() + timedelta(seconds=3)

    after(connection, "passed")

    with tenant_scope(connection.tenant_id):
        connection.refresh_from_db()
    assert not role(connection).is_confirming
    assert connection.next_verification_at > timezone.now() + timedelta(hours=20)


def test_a_role_that_let_us_in_a_moment_ago_is_still_being_spread(connection) -> None:
    assert after(connection, "passed", "refused") == "awaiting"

    with tenant_scope(connection.tenant_id):
        connection.roles.update(worked_at=timezone.now() - timedelta(minutes=10))

    assert after(connection, "refused") == "unreachable"


def test_what_passed_before_a_pause_does_not_count_after_it(connection) -> None:
    after(connection, "passed", "passed")
    with tenant_scope(connection.tenant_id):
        pause(connection=connection, by=SYSTEM)
        resume(connection=connection, by=SYSTEM)
        connection.verifications.update(state="completed")

    assert after(connection, "passed") == "awaiting"
    assert after(connection, "passed") == "connected"
