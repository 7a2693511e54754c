"""Every change of a customer role's status is written to the history, with its cause."""

import pytest

from integrations.actions.connections import create_connection, update_connection
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import pause, resume
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.reports import found

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


def make(cast, **more) -> Connection:
    with tenant_scope(cast.tenant.pk):
        return create_connection(
            tenant=cast.tenant,
            name="Production",
            by=SYSTEM,
            **({"account_id": "222233334444", "components": ["log-analysis"]} | more),
        )


def history(connection: Connection, component: str = "log-analysis") -> list[tuple[str, str, str]]:
    with tenant_scope(connection.tenant_id):
        changes = connection.status_changes.filter(component=component).order_by("at", "pk")
        return [(change.before, change.after, change.cause) for change in changes]


def test_what_verifications_find_is_written_with_the_verification(cast) -> None:
    connection = make(cast)
    found(connection, log_analysis="passed")
    decisive = found(connection, log_analysis="passed")
    found(connection, log_analysis="passed")
    found(connection, log_analysis="no_verdict")

    assert history(connection) == [("", "awaiting", "chosen"), ("awaiting", "connected", "verification")]
    with tenant_scope(cast.tenant.pk):
        assert connection.status_changes.latest("at").verification == decisive


def test_a_change_that_a_verification_makes_is_one_audit_event(cast) -> None:
    connection = make(cast)
    found(connection, log_analysis="passed")
    found(connection, log_analysis="passed")
    found(connection, log_analysis="passed")
    found(connection, log_analysis="no_verdict")

    with tenant_scope(cast.tenant.pk):
        [event] = AuditEvent.objects.for_tenant(cast.tenant.pk).filter(action__endswith="customer_role:status_changed")
        role = connection.roles.get(component="log-analysis")
    assert event.action == "system:customer_role:status_changed"
    assert (event.actor_kind, event.target_kind, event.target_id) == ("system", "customerrole", str(role.pk))
    assert event.data == {
        "connection": str(connection.pk),
        "component": "log-analysis",
        "before": "awaiting",
        "after": "connected",
    }


def test_what_people_do_is_written_with_its_cause(cast) -> None:
    connection = make(cast)
    with tenant_scope(cast.tenant.pk):
        pause(connection=connection, by=SYSTEM)
        pause(connection=connection, by=SYSTEM)
        resume(connection=connection, by=SYSTEM)
        request_removal(connection=connection, by=SYSTEM)

    assert history(connection) == [
        ("", "awaiting", "chosen"),
        ("awaiting", "paused", "paused"),
        ("paused", "awaiting", "resumed"),
        ("awaiting", "removing", "removal"),
    ]


def test_components_come_and_go_in_it(cast) -> None:
    connection = make(cast)
    found(connection, log_analysis="passed")
    with tenant_scope(cast.tenant.pk):
        update_connection(connection=connection, components=["compute-analysis"], by=SYSTEM)
        update_connection(connection=connection, components=["log-analysis"], by=SYSTEM)

    assert history(connection) == [
        ("", "awaiting", "chosen"),
        ("awaiting", "removing", "dropped"),
        ("removing", "awaiting", "chosen"),
    ]
    assert history(connection, "compute-analysis") == [("", "awaiting", "chosen"), ("awaiting", "", "dropped")]


def test_another_account_begins_anew_in_it(cast) -> None:
    connection = make(cast)
    with tenant_scope(cast.tenant.pk):
        update_connection(connection=connection, account_id="999988887777", by=SYSTEM)

    assert history(connection) == [
        ("", "awaiting", "chosen"),
        ("awaiting", "", "account_changed"),
        ("", "awaiting", "chosen"),
    ]


def test_a_connection_that_is_removed_at_once_is_so_in_it(cast) -> None:
    connection = make(cast, account_id="")
    with tenant_scope(cast.tenant.pk):
        request_removal(connection=connection, by=SYSTEM)

    assert history(connection)[1:] == [("awaiting", "removing", "removal"), ("removing", "removed", "removal")]
