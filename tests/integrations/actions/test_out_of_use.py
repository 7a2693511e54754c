"""Pause, resume and off-boarding."""

import pytest

from integrations.actions import verification_runs, verifications
from integrations.actions.connections import ConnectionInUse, create_connection, update_connection
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import pause, resume
from integrations.actions.role_templates import cloudformation_template
from integrations.models import Connection, ProvedAccount, Verification
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack, sandbox_control, stack_name, verify_twice
from tests.verifications import statuses


def verify(connection: Connection) -> Verification:
    return verification_runs.verify_now(connection=connection, by=SYSTEM)


def run_asked_for(connection: Connection) -> Verification:
    """Run what an action asked for, as a worker would."""
    with tenant_scope(connection.tenant_id):
        verification = connection.verifications.get(state="queued")
    verification_runs.run(tenant_id=connection.tenant_id, verification_id=verification.pk)
    with tenant_scope(connection.tenant_id):
        verification.refresh_from_db()
    return verification


def fresh(connection: Connection) -> Connection:
    with tenant_scope(connection.tenant_id):
        return Connection.objects.get(pk=connection.pk)


def test_no_session_is_opened_in_a_paused_role(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis", "compute-analysis"])
    with tenant_scope(cast.tenant.pk):
        assert pause(connection=connection, by=Actor.user(cast.owner), components=["log-analysis"]) == ["log-analysis"]

    verification = verify_twice(connection)

    assert statuses(connection) == {"log-analysis": "paused", "compute-analysis": "connected"}
    with tenant_scope(cast.tenant.pk):
        assert set(verification.sessions.values_list("component", flat=True)) == {"compute-analysis"}


def test_a_connection_that_is_paused_is_not_verified_until_it_is_resumed(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify(connection)
    with tenant_scope(cast.tenant.pk):
        pause(connection=connection, by=Actor.user(cast.owner))
        assert pause(connection=connection, by=Actor.user(cast.owner)) == []
        assert Connection.objects.get(pk=connection.pk).status == "paused"

    with pytest.raises(verifications.NotReady, match="Resume it first"):
        verify(connection)
    with tenant_scope(cast.tenant.pk):
        assert resume(connection=connection, by=Actor.user(cast.owner)) == ["log-analysis"]
    run_asked_for(connection)
    assert statuses(connection) == {"log-analysis": "awaiting"}, "what passed before the pause does not count any more"
    verify(connection)

    assert statuses(connection) == {"log-analysis": "connected"}
    with tenant_scope(cast.tenant.pk):
        actions = set(AuditEvent.objects.filter(target_id=str(connection.pk)).values_list("action", flat=True))
    assert {"page:connection:paused", "page:connection:resumed"} <= actions


def test_a_connection_that_is_not_ready_is_paused_and_resumed_all_the_same(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(
            tenant=cast.tenant, name="No account yet", components=["log-analysis"], by=SYSTEM
        )
        pause(connection=connection, by=SYSTEM)

        assert resume(connection=connection, by=SYSTEM) == ["log-analysis"]

        assert not connection.verifications.exists()
    assert statuses(connection) == {"log-analysis": "awaiting"}


def test_a_pause_while_a_verification_runs_is_kept(cast, sandbox_address, monkeypatch) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    real = verification_runs._verify

    def pressed_meanwhile(claim):
        with tenant_scope(cast.tenant.pk):
            pause(connection=connection, by=Actor.user(cast.owner))
        return real(claim)

    monkeypatch.setattr(verification_runs, "_verify", pressed_meanwhile)

    verification = verify(connection)

    assert statuses(connection) == {"log-analysis": "paused"}
    assert (verification.state, verification.failure) == ("failed", "out_of_use"), "and no fault of ours"


def test_a_removed_connection_leaves_its_account_to_the_tenants_other_one(cast, sandbox_address) -> None:
    first, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify(first)
    with tenant_scope(cast.tenant.pk):
        second = create_connection(
            tenant=cast.tenant,
            name="Second",
            account_id=account.account_id,
            components=["log-analysis"],
            by=SYSTEM,
        )
        template = cloudformation_template(connection=second)
    account.deploy(stack_name(second), template.text)
    verify(second)
    account.delete(stack_name(first))

    with tenant_scope(cast.tenant.pk):
        request_removal(connection=first, by=Actor.user(cast.owner))
    run_asked_for(first)

    assert statuses(first) == {"log-analysis": "removed"}
    with tenant_scope(cast.tenant.pk):
        assert ProvedAccount.objects.get(account_id=account.account_id).connection_id == second.pk


def test_a_quarantine_outlives_a_pause_and_a_change_of_components(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    with tenant_scope(cast.tenant.pk):
        account.remove_external_id_condition(connection.roles.get().name)
    verify(connection)
    with tenant_scope(cast.tenant.pk):
        pause(connection=connection, by=Actor.user(cast.owner))
        resume(connection=connection, by=Actor.user(cast.owner))
    assert statuses(connection) == {"log-analysis": "unsafe"}

    with tenant_scope(cast.tenant.pk):
        update_connection(connection=connection, components=["compute-analysis"], by=SYSTEM)
        assert connection.roles.get(component="log-analysis").status == "removing"
        update_connection(connection=connection, components=["log-analysis"], by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "unsafe"}


def test_f16_a_removed_connection_is_watched_until_aws_refuses_us(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis", "compute-analysis"])
    verify(connection)
    with tenant_scope(cast.tenant.pk):
        request_removal(connection=connection, by=Actor.user(cast.owner))
        request_removal(connection=connection, by=Actor.user(cast.owner))
    run_asked_for(connection)
    assert statuses(connection) == {"log-analysis": "removing", "compute-analysis": "removing"}
    assert fresh(connection).next_verification_at is not None
    assert fresh(connection).removed_at is None, "the trust is still open"

    account.delete(stack_name(connection))
    verification = verify(connection)

    assert verification.state == "completed"
    assert statuses(connection) == {"log-analysis": "removed", "compute-analysis": "removed"}
    assert fresh(connection).removed_at is not None
    assert fresh(connection).next_verification_at is None
    with tenant_scope(cast.tenant.pk):
        assert AuditEvent.objects.filter(action="system:connection:removed").count() == 1
        assert not ProvedAccount.objects.filter(account_id=account.account_id).exists()
        assert not connection.roles.filter(removed_at=None).exists()
    with pytest.raises(verifications.NotReady, match="is removed"):
        verify(connection)


def test_f16_with_our_own_side_broken_nothing_is_called_removed(cast, sandbox_address, monkeypatch) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify(connection)
    account.delete(stack_name(connection))
    with tenant_scope(cast.tenant.pk):
        request_removal(connection=connection, by=Actor.user(cast.owner))
    sandbox_control("faults", {"kind": "error", "service": "sts", "status": 500, "count": 200})
    try:
        verification = run_asked_for(connection)
    finally:
        sandbox_control("faults", {"clear": True})

    assert (verification.state, verification.failure) == ("failed", "no_verdict")
    assert statuses(connection) == {"log-analysis": "removing"}


def test_a_connection_that_never_had_an_account_is_removed_at_once(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Mistake", by=SYSTEM)
        request_removal(connection=connection, by=Actor.user(cast.owner))

    assert fresh(connection).removed_at is not None
    assert set(statuses(connection).values()) == {"removed"}


def test_a_removed_connection_does_not_change_any_more(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Mistake", by=SYSTEM)
        request_removal(connection=connection, by=SYSTEM)

        with pytest.raises(ConnectionInUse, match="Add a new connection"):
            update_connection(connection=connection, name="Other", by=SYSTEM)


def test_f16_a_component_that_was_in_use_is_proved_removed_when_it_is_dropped(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis", "compute-analysis"])
    verify(connection)
    with tenant_scope(cast.tenant.pk):
        connection = update_connection(connection=connection, components=["compute-analysis"], by=SYSTEM)
        template = cloudformation_template(connection=connection)
    assert "log-analysis" not in template.text
    verify(connection)
    assert statuses(connection) == {"log-analysis": "removing", "compute-analysis": "connected"}
    with tenant_scope(cast.tenant.pk):
        assert Connection.objects.get(pk=connection.pk).status == "connected"

    account.deploy(stack_name(connection), template.text)
    verify(connection)

    assert statuses(connection) == {"log-analysis": "removed", "compute-analysis": "connected"}


def test_the_account_of_a_connection_that_worked_does_not_change(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)

    with pytest.raises(ConnectionInUse, match="add a new one for the other"), tenant_scope(cast.tenant.pk):
        update_connection(connection=connection, account_id="333333333333", by=SYSTEM)

    assert statuses(connection) == {"log-analysis": "connected"}
