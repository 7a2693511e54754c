"""What a verification finds in a customer's account, and the status that each role has by it."""

from datetime import timedelta

from django.utils import timezone

from integrations.actions import verification_runs
from integrations.actions.connections import update_connection
from integrations.actions.role_templates import cloudformation_template
from integrations.models import Verification
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack, stack_name, verify_twice
from tests.verifications import findings, role_name, statuses

State = Verification.State


def test_a_deployed_template_is_connected_and_every_permission_is_proved(cast, sandbox_address) -> None:
    connection, _ = connection_with_stack(cast.tenant)

    verification = verify_twice(connection)

    assert verification.state == State.COMPLETED
    assert set(statuses(connection).values()) == {"connected"}, findings(verification)
    assert len(findings(verification, check_code="trust.no_external_id", outcome="passed")) == 3
    assert len(findings(verification, check_code="trust.wrong_external_id", outcome="passed")) == 3
    assert not findings(verification, check_code="permission", outcome="denied")


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


def test_an_open_role_in_an_account_that_nobody_has_proved_is_unsafe(cast, sandbox_address) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    account.remove_external_id_condition(role_name(connection, "log-analysis"))

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
