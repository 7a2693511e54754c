"""Reachability alone: the chain and whose account it is. It judges nobody; a surprise calls for the whole."""

import pytest

from integrations.actions import verification_runs, verifications
from integrations.actions.connections import create_connection
from integrations.actions.verifications import NotReady, request_verification
from integrations.models import Connection, Verification
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack, verify_twice

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")

State, Checks = Verification.State, Verification.Checks


def check_reachability(connection: Connection) -> Verification:
    with tenant_scope(connection.tenant_id):
        asked = request_verification(connection=connection, by=SYSTEM, checks=Checks.REACHABILITY)
    verification_runs.run(tenant_id=connection.tenant_id, verification_id=asked.pk)
    with tenant_scope(connection.tenant_id):
        return Verification.objects.get(pk=asked.pk)


def of(connection: Connection) -> list[tuple[str, str]]:
    """What is asked of each of the connection's verifications, and how far it is, the latest first."""
    with tenant_scope(connection.tenant_id):
        return list(connection.verifications.values_list("checks", "state"))


def status(connection: Connection) -> str:
    with tenant_scope(connection.tenant_id):
        return str(connection.roles.get().status)


def codes(verification: Verification) -> set[str]:
    with tenant_scope(verification.tenant_id):
        return set(verification.findings.values_list("check_code", flat=True))


def test_it_opens_the_chain_and_asks_nothing_else(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    with tenant_scope(cast.tenant.pk):
        connection.refresh_from_db()
        planned = connection.next_verification_at

    verification = check_reachability(connection)

    assert verification.state == State.COMPLETED
    assert codes(verification) == {
        "chain.base_to_component",
        "chain.component_to_integration",
        "chain.integration_to_customer",
        "account.matches",
    }
    assert status(connection) == "connected"
    assert of(connection) == [("reachability", "completed"), ("all", "completed"), ("all", "completed")]
    with tenant_scope(cast.tenant.pk):
        connection.refresh_from_db()
        assert connection.next_verification_at == planned, "the whole verification comes when it would have come"
        assert verification.sessions.exists()


def test_a_role_that_worked_and_refuses_is_verified_as_a_whole_at_once(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    with tenant_scope(cast.tenant.pk):
        name = connection.roles.get().name
    account.set_trust(
        name, {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}
    )

    verification = check_reachability(connection)

    assert verification.state == State.COMPLETED
    assert status(connection) == "connected", "it does not judge"
    assert of(connection)[0] == ("all", "queued")


def test_a_role_that_is_within_reach_for_the_first_time_is_verified_as_a_whole(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])

    check_reachability(connection)

    assert status(connection) == "awaiting", "what was not checked is not raised either"
    assert of(connection) == [("all", "queued"), ("reachability", "completed")]


def test_a_role_that_was_never_there_and_is_not_needs_no_whole_verification(cast, sandbox_address) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="P", account_id="555566667777", components=["log-analysis"], by=SYSTEM
        )

    check_reachability(connection)

    assert of(connection) == [("reachability", "completed")]


def test_asking_for_all_while_reachability_waits_makes_it_all(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        first = request_verification(connection=connection, by=SYSTEM, checks=Checks.REACHABILITY)
        second = request_verification(connection=connection, by=SYSTEM)
        third = request_verification(connection=connection, by=SYSTEM, checks=Checks.REACHABILITY)

    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=first.pk)

    assert first.pk == second.pk == third.pk
    assert third.checks == Checks.ALL
    assert of(connection) == [("all", "completed")]
    with tenant_scope(cast.tenant.pk):
        assert connection.roles.get().passes == 1, "a whole verification passed"


def test_asking_for_all_while_reachability_runs_runs_it_again_as_a_whole(cast, sandbox_address, monkeypatch) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify = verification_runs._verify

    def ask_for_all_meanwhile(claim):
        reports = verify(claim)
        with tenant_scope(cast.tenant.pk):
            request_verification(connection=connection, by=SYSTEM)
        return reports

    with monkeypatch.context() as patch:
        patch.setattr(verification_runs, "_verify", ask_for_all_meanwhile)
        verification = check_reachability(connection)
    assert (verification.checks, verification.state) == ("all", "queued")

    verification_runs.run(tenant_id=cast.tenant.pk, verification_id=verification.pk)

    assert of(connection) == [("all", "completed")]
    with tenant_scope(cast.tenant.pk):
        assert connection.roles.get().passes == 1, "a whole verification passed"


def test_no_session_is_opened_in_a_quarantined_role_to_see_whether_it_is_reachable(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        connection.roles.update(quarantined=True, status="unsafe")

        with pytest.raises(NotReady, match="all checks"):
            request_verification(connection=connection, by=SYSTEM, checks=Checks.REACHABILITY)


def test_asking_for_reachability_is_no_word_that_the_template_is_deployed(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    owner = Actor.user(cast.owner)

    with tenant_scope(cast.tenant.pk):
        request_verification(connection=connection, by=owner, checks=Checks.REACHABILITY)
        connection.refresh_from_db()

        assert connection.asked_at is None
        event = AuditEvent.objects.get(action__endswith="verification:requested")
        assert event.data["checks"] == "reachability"


def test_one_that_fails_by_our_fault_leaves_the_schedule_alone(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        asked = request_verification(connection=connection, by=SYSTEM, checks=Checks.REACHABILITY)

    verifications.end_without_verdict(cast.tenant.pk, asked.pk, State.FAILED, failure="worker_lost")

    with tenant_scope(cast.tenant.pk):
        connection.refresh_from_db()
    assert connection.next_verification_at is None
