"""An external ID is replaced with no gap, against an AWS that says no."""

import json
from uuid import uuid4

import pytest
from django.db.utils import DatabaseError, IntegrityError
from django.utils import timezone

from integrations.actions import verification_runs
from integrations.actions.connections import ConnectionInUse, create_connection, update_connection
from integrations.actions.external_id_rotations import (
    NothingToCancel,
    cancel_rotation,
    progress_of,
    start_rotation,
)
from integrations.actions.external_ids import template_external_ids
from integrations.actions.offboarding import request_removal
from integrations.actions.role_templates import render_role_template, role_set
from integrations.actions.sandbox_stacks import stack_name
from integrations.models import Connection, ExternalIdRotation, IssuedExternalId, Session
from integrations.role_templates.formats import Format
from tenants.audit import SYSTEM
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.customer import CustomerAccount, connection_with_stack, verify_twice

pytestmark = pytest.mark.usefixtures("no_worker_takes_them", "sandbox_address")

COMPONENTS = ["compute-analysis", "log-analysis"]


def again(connection: Connection) -> Connection:
    with tenant_scope(connection.tenant_id):
        return Connection.objects.get(pk=connection.pk)


def rotate(connection: Connection) -> ExternalIdRotation:
    with tenant_scope(connection.tenant_id):
        return start_rotation(connection=connection, by=SYSTEM)[0]


def state(connection: Connection) -> tuple[str, dict[str, str]]:
    """The state of the rotation, and of each role what it was seen to do."""
    with tenant_scope(connection.tenant_id):
        rotation, progress = progress_of(connection=connection)
        assert rotation is not None
        return str(rotation.state), {
            one.role.component: "refuses previous" if one.previous_refused_at else "moved" if one.moved_at else "-"
            for one in progress
        }


def deploy(connection: Connection, account: CustomerAccount) -> str:
    """Deploy the template as it is now; gives it."""
    with tenant_scope(connection.tenant_id):
        template = render_role_template(roles=role_set(connection=connection), chosen=Format.CLOUDFORMATION).text
    account.deploy(stack_name(connection), template)
    return template


def verify(connection: Connection) -> list[tuple[str, str, str]]:
    """Verify; gives component, cause and outcome of what was found of external IDs."""
    verification = verification_runs.verify_now(connection=connection, by=SYSTEM)
    assert verification.state == "completed", verification.failure
    with tenant_scope(connection.tenant_id):
        return sorted(
            verification.findings.filter(check_code__in=["trust.previous_external_id", "trust.next_external_id"])
            .order_by("component")
            .values_list("component", "cause", "outcome")
        )


def role_statuses(connection: Connection) -> set[str]:
    with tenant_scope(connection.tenant_id):
        return set(connection.roles.values_list("status", flat=True))


def events(connection: Connection) -> list[str]:
    with tenant_scope(connection.tenant_id):
        names = AuditEvent.objects.filter(action__contains="external_id_rotation").order_by("at", "pk")
        return [name.rpartition("rotation:")[2] for name in names.values_list("action", flat=True)]


def ids_used(connection: Connection) -> set[str]:
    """The external IDs that B's sessions were tagged with since this was last asked."""
    with tenant_scope(connection.tenant_id):
        sessions = Session.objects.filter(connection=connection, purpose="verification")
        used = {session.tags.get("ExternalId") for session in sessions} - {None}
        sessions.delete()
        return used


def test_a_rotation_goes_from_two_ids_to_one_and_access_is_there_all_the_while(cast) -> None:
    connection, account = connection_with_stack(cast.tenant, components=COMPONENTS)
    verify_twice(connection)
    previous = connection.external_id
    ids_used(connection)

    rotation = rotate(connection)
    new = rotation.new_external_id

    # Nothing is deployed yet: each role is used with the previous ID.
    assert verify(connection) == [(one, "next_external_id_not_accepted", "not_applicable") for one in COMPONENTS]
    assert state(connection) == ("moving", dict.fromkeys(COMPONENTS, "-"))
    assert (ids_used(connection), role_statuses(connection)) == ({previous}, {"connected"})

    widened = deploy(connection, account)
    assert previous in widened
    assert new in widened
    assert verify(connection) == [(one, "next_external_id_accepted", "passed") for one in COMPONENTS]
    assert state(connection) == ("closing", dict.fromkeys(COMPONENTS, "moved"))
    assert (ids_used(connection), role_statuses(connection)) == ({previous}, {"connected"})
    assert again(connection).external_id == new

    assert verify(connection) == [(one, "previous_external_id_accepted", "passed") for one in COMPONENTS]
    assert (ids_used(connection), role_statuses(connection)) == ({new}, {"connected"})
    assert state(connection)[0] == "closing"

    shrunk = deploy(again(connection), account)
    assert previous not in shrunk
    assert new in shrunk
    assert verify(connection) == [(one, "previous_external_id_refused", "passed") for one in COMPONENTS]
    assert state(connection) == ("finished", dict.fromkeys(COMPONENTS, "refuses previous"))
    assert role_statuses(connection) == {"connected"}
    assert events(connection) == ["started", "role_moved", "role_moved", "all_moved", "finished"]

    # Whoever deploys an older template hears of it for ever.
    account.deploy(stack_name(connection), widened)
    assert verify(connection) == [(one, "retired_external_id_accepted", "violated") for one in COMPONENTS]


def test_every_format_accepts_both_while_roles_move(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        rotation, _ = start_rotation(connection=connection, by=SYSTEM)
        roles = role_set(connection=connection)

        files = {chosen: render_role_template(roles=roles, chosen=chosen).content for chosen in Format}

    for chosen, content in files.items():
        assert connection.external_id.encode() in content, chosen
        assert rotation.new_external_id.encode() in content, chosen


def test_a_role_that_takes_the_new_id_alone_before_we_saw_it_move_is_entered_with_it(cast) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    rotation = rotate(connection)
    with tenant_scope(cast.tenant.pk):
        role_name = connection.roles.get().name
    trust = account.iam.get_role(RoleName=role_name)["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] = rotation.new_external_id
    account.set_trust(role_name, trust)

    verify(connection)

    assert role_statuses(connection) == {"connected"}, "what was refused says nothing of the role: it has moved"
    assert verify(connection) == [("log-analysis", "previous_external_id_refused", "passed")]
    assert state(connection) == ("finished", {"log-analysis": "refuses previous"})
    assert role_statuses(connection) == {"connected"}


def test_a_role_that_is_put_back_while_others_move_is_used_with_the_previous_id_again(cast) -> None:
    connection, account = connection_with_stack(cast.tenant, components=COMPONENTS)
    verify_twice(connection)
    with tenant_scope(cast.tenant.pk):
        moving, staying = connection.roles.order_by("component")
        names = moving.name, staying.name
    before = {name: account.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] for name in names}
    rotate(connection)
    deploy(connection, account)
    account.set_trust(staying.name, before[staying.name])
    verify(connection)
    assert state(connection) == ("moving", {moving.component: "moved", staying.component: "-"})

    account.set_trust(moving.name, before[moving.name])
    verify(connection)

    assert state(connection) == ("moving", {moving.component: "-", staying.component: "-"})
    assert role_statuses(connection) == {"connected"}
    assert [event for event in events(connection) if "back" in event] == ["role_moved_back"]
    verify(connection)
    assert role_statuses(connection) == {"connected"}


def test_a_refusal_of_the_previous_id_counts_only_beside_the_new_one_that_gets_in(cast) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    rotate(connection)
    deploy(connection, account)
    verify(connection)

    account.delete(stack_name(connection))
    found = verify(connection)

    assert found == [("log-analysis", "control_did_not_pass", "skipped")]
    assert state(connection) == ("closing", {"log-analysis": "moved"})


def test_a_role_that_is_left_out_meanwhile_is_removed_only_once_it_refuses_both(cast) -> None:
    connection, account = connection_with_stack(cast.tenant, components=COMPONENTS)
    verify_twice(connection)
    rotate(connection)
    with tenant_scope(cast.tenant.pk):
        update_connection(connection=connection, components=["log-analysis"], by=SYSTEM)
        left_out = connection.roles.get(component="compute-analysis")
    trust = account.iam.get_role(RoleName=left_out.name)["Role"]["AssumeRolePolicyDocument"]
    deploy(connection, account)  # which deletes the role that was left out
    verify(connection)
    deploy(again(connection), account)
    verify(connection)
    assert state(connection) == ("finished", {"log-analysis": "refuses previous"})
    assert role_statuses(connection) == {"connected", "removed"}

    with tenant_scope(cast.tenant.pk):
        connection.roles.filter(component="compute-analysis").update(status="removing", removed_at=None)
    account.iam.create_role(RoleName=left_out.name, AssumeRolePolicyDocument=json.dumps(trust))
    verify(connection)

    assert role_statuses(connection) == {"connected", "removing"}, "it still opens to the previous ID"


def test_a_rotation_is_called_off_while_no_role_has_moved(cast) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    withdrawn = rotate(connection).new_external_id
    deploy(connection, account)

    with tenant_scope(cast.tenant.pk):
        cancel_rotation(connection=connection, by=SYSTEM)
        assert template_external_ids(connection) == (connection.external_id,)
    # The template with both was deployed just before: what it opened is seen.
    assert verify(connection) == [("log-analysis", "retired_external_id_accepted", "violated")]

    deploy(connection, account)
    assert verify(connection) == [("log-analysis", "previous_external_id_refused", "passed")]
    assert again(connection).external_id == connection.external_id != withdrawn
    assert state(connection)[0] == "cancelled"


def test_a_rotation_is_not_called_off_once_a_role_has_moved(cast) -> None:
    connection, account = connection_with_stack(cast.tenant, components=["log-analysis"])
    verify_twice(connection)
    rotate(connection)
    deploy(connection, account)
    verify(connection)

    with tenant_scope(cast.tenant.pk), pytest.raises(NothingToCancel, match="has moved"):
        cancel_rotation(connection=connection, by=SYSTEM)


def test_pressing_twice_begins_one_rotation_and_a_removed_connection_none(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)
        first, begun = start_rotation(connection=connection, by=SYSTEM)
        second, begun_again = start_rotation(connection=connection, by=SYSTEM)
        request_removal(connection=connection, by=SYSTEM)

        with pytest.raises(ConnectionInUse, match="removed"):
            start_rotation(connection=connection, by=SYSTEM)

    assert (first, begun, begun_again) == (second, True, False)
    assert state(connection)[0] == "cancelled", "a connection that is removed rotates no more"


class TestTheDatabaseHolds:
    """Whatever code writes, the database keeps external IDs as they were issued."""

    @pytest.fixture
    def connection(self, cast) -> Connection:
        with tenant_scope(cast.tenant.pk):
            return create_connection(tenant=cast.tenant, name="Production", by=SYSTEM)

    def change(self, connection: Connection, external_id: str) -> None:
        with tenant_scope(connection.tenant_id):
            Connection.objects.filter(pk=connection.pk).update(external_id=external_id)

    def test_no_change_but_to_the_new_id_of_a_rotation_whose_roles_have_moved(self, connection) -> None:
        rotation = rotate(connection)

        with pytest.raises(DatabaseError, match="never changed"):
            self.change(connection, rotation.new_external_id)
        with tenant_scope(connection.tenant_id):
            ExternalIdRotation.objects.update(all_moved_at=timezone.now())
        with pytest.raises(DatabaseError, match="never changed"):
            self.change(connection, f"rb-{uuid4()}")
        self.change(connection, rotation.new_external_id)
        with pytest.raises(DatabaseError, match="never changed"):
            self.change(connection, rotation.previous_external_id)

    def test_the_ids_of_a_rotation_are_never_changed(self, connection) -> None:
        rotate(connection)

        for name in ("previous_external_id", "new_external_id"):
            with pytest.raises(DatabaseError, match="never changed"), tenant_scope(connection.tenant_id):
                ExternalIdRotation.objects.update(**{name: "rb-" + "a" * 32})

    def test_a_rotation_begins_with_the_id_that_the_connection_has(self, connection) -> None:
        with pytest.raises(DatabaseError, match="begins with"), tenant_scope(connection.tenant_id):
            ExternalIdRotation.objects.create(
                tenant_id=connection.tenant_id,
                connection=connection,
                previous_external_id="rb-another",
                started_at=timezone.now(),
                started_by="Test",
            )

    def test_an_id_is_never_used_again_not_even_once_its_connection_is_deleted(self, cast, connection) -> None:
        used = [connection.external_id, rotate(connection).new_external_id]
        with tenant_scope(cast.tenant.pk):
            connection.delete()

        for external_id in used:
            with pytest.raises(IntegrityError, match="never used again"), tenant_scope(cast.tenant.pk):
                Connection.objects.create(tenant=cast.tenant, name="Again", external_id=external_id)

    def test_a_rotation_takes_no_id_that_was_ever_used(self, cast, connection) -> None:
        with tenant_scope(cast.tenant.pk):
            other = create_connection(tenant=cast.tenant, name="Other", by=SYSTEM)

        with pytest.raises(IntegrityError, match="never used again"), tenant_scope(cast.tenant.pk):
            ExternalIdRotation.objects.create(
                tenant=cast.tenant,
                connection=connection,
                previous_external_id=connection.external_id,
                new_external_id=other.external_id,
                started_at=timezone.now(),
                started_by="Test",
            )

    def test_what_was_issued_is_read_and_written_by_nobody(self, cast, connection) -> None:
        for work in (IssuedExternalId.objects.count, IssuedExternalId.objects.all().delete):
            with pytest.raises(DatabaseError, match="permission denied"), tenant_scope(cast.tenant.pk):
                work()
