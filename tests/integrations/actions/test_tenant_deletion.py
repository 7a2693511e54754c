"""A tenant is deleted when its time has come: first its connections are removed, then all of it but the audit."""

from datetime import timedelta

import psycopg
import pytest
from django.core import mail
from django.db import transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.tenant_deletion import LOOKED_FOR, carry_out_deletions
from integrations.models import Connection
from tenants.actions.deletion import GRACE, NotDue, cancel_deletion, delete_tenant, request_deletion
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEvent, Member, Tenant, User
from tenants.scope import call, staff_scope, tenant_scope
from tests.environment import DATABASE
from tests.tenants.test_row_level_security import tenant_tables

pytestmark = pytest.mark.usefixtures("no_worker_takes_them")


@pytest.fixture
def tenant(cast) -> Tenant:
    """With a connection that has an account and one that has none."""
    with tenant_scope(cast.tenant.pk):
        create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=Actor.user(cast.owner))
        create_connection(tenant=cast.tenant, name="Not begun", by=Actor.user(cast.owner))
    return cast.tenant


def ask(tenant: Tenant, cast, *, due: timedelta) -> None:
    with tenant_scope(tenant.pk):
        request_deletion(tenant=tenant, by=Actor.user(cast.owner))
        Tenant.objects.update(deletion_due_at=timezone.now() + due)


def left_of(tenant: Tenant, database) -> dict[str, int]:
    with psycopg.connect(database.url(DATABASE)) as superuser:
        counts = {
            table: superuser.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [tenant.pk]).fetchone()[0]
            for table, column in tenant_tables(database).items()
        }
    return {table: count for table, count in counts.items() if count}


def test_during_the_grace_nothing_changes_and_all_owners_are_told(tenant, cast) -> None:
    with tenant_scope(tenant.pk):
        request_deletion(tenant=tenant, by=Actor.user(cast.owner))

    carry_out_deletions()

    with tenant_scope(tenant.pk):
        tenant.refresh_from_db()
        assert not Connection.objects.filter(removal_requested_at__isnull=False).exists()
        assert GRACE - timedelta(minutes=5) < tenant.deletion_due_at - timezone.now() <= GRACE
        with pytest.raises(NotDue):
            delete_tenant(tenant_id=tenant.pk)
    assert mail.outbox[-1].to == [cast.owner.email]
    assert "is going to be deleted" in mail.outbox[-1].subject


def test_an_owner_calls_it_off(tenant, cast) -> None:
    ask(tenant, cast, due=timedelta(days=1))
    with tenant_scope(tenant.pk):
        cancel_deletion(tenant=tenant, by=Actor.user(cast.owner))
        Tenant.objects.filter(deletion_due_at__isnull=False).update(deletion_due_at=timezone.now())

    carry_out_deletions()

    with tenant_scope(tenant.pk):
        assert Tenant.objects.filter(pk=tenant.pk).exists()
        with pytest.raises(NotDue):
            cancel_deletion(tenant=tenant, by=Actor.user(cast.owner))


def test_when_its_time_has_come_connections_go_first(tenant, cast, db) -> None:
    ask(tenant, cast, due=timedelta(seconds=-1))

    carry_out_deletions()

    with tenant_scope(tenant.pk):
        by_name = {connection.name: connection for connection in Connection.objects.all()}
        assert by_name["Production"].removal_requested_at
        assert by_name["Production"].removed_at is None
        assert by_name["Not begun"].removed_at
        Connection.objects.update(removed_at=timezone.now())
    carry_out_deletions()
    assert left_of(tenant, db).keys() == {"tenants_auditevent"}


def test_a_stack_that_the_customer_leaves_keeps_no_data_here(tenant, cast, db) -> None:
    ask(tenant, cast, due=-LOOKED_FOR - timedelta(seconds=1))

    carry_out_deletions()

    assert left_of(tenant, db).keys() == {"tenants_auditevent"}
    with staff_scope():
        last = AuditEvent.objects.filter(tenant_id=tenant.pk).latest("pk")
    assert (last.action, last.data) == ("system:tenant:deleted", {"connections_not_proved": 1})


def test_the_events_stay_and_nobody_is_in_them(tenant, cast, db) -> None:
    with staff_scope():
        before = list(AuditEvent.objects.filter(tenant_id=tenant.pk).order_by("pk").values_list("action", "target_id"))
    ask(tenant, cast, due=-LOOKED_FOR - timedelta(seconds=1))

    carry_out_deletions()

    with staff_scope():
        events = AuditEvent.objects.filter(tenant_id=tenant.pk).order_by("pk")
        assert list(events.values_list("action", "target_id"))[: len(before)] == before
        told = str(list(events.values()))
    assert "example.com" not in told
    assert "Blue Harbour" not in told
    assert "222233334444" in told, "which account it was stays known"


def test_people_who_belong_to_no_other_organisation_go_with_it(tenant, cast) -> None:
    with tenant_scope(cast.other_tenant.pk):
        Member.objects.create(tenant=cast.other_tenant, user=cast.viewer, role="viewer")
    ask(tenant, cast, due=-LOOKED_FOR - timedelta(seconds=1))

    carry_out_deletions()

    assert set(User.objects.values_list("email", flat=True)) == {
        cast.viewer.email,
        cast.stranger.email,
        cast.staff.email,
    }


def test_nobody_in_the_events_of_a_living_tenant_can_be_erased(tenant) -> None:
    with pytest.raises(DatabaseError, match="not deleted"), tenant_scope(tenant.pk):
        call("erase_people_of_deleted_tenant", tenant.pk)

    for setting in (str(tenant.pk), ""):
        with tenant_scope(tenant.pk):
            call("set_config", "rolebridge.erasing", setting, True)
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                AuditEvent.objects.update(actor_name="")


def test_another_tenant_is_untouched(tenant, cast, db) -> None:
    with tenant_scope(cast.other_tenant.pk):
        create_connection(tenant=cast.other_tenant, name="Theirs", by=SYSTEM)
    before = left_of(cast.other_tenant, db)
    ask(tenant, cast, due=-LOOKED_FOR - timedelta(seconds=1))

    carry_out_deletions()

    assert left_of(cast.other_tenant, db) == before
