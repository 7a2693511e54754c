"""Staff ask for verifications of several connections at once, with a reason."""

from uuid import uuid4

from django.test import Client

from integrations.admin.connections import _in_turn
from integrations.models import Connection, Verification
from tenants.models import AuditEvent
from tenants.scope import tenant_scope
from tests.brokers import AWAY, use_broker
from tests.integrations.admin.builders import LIST, connect


def ask(staff: Client, *connections: Connection) -> list[str]:
    chosen = {
        "action": "ask_for_verification",
        "_selected_action": [str(connection.pk) for connection in connections],
        "reason": "The customer called.",
    }
    answer = staff.post(LIST, chosen, follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    return [str(message) for message in answer.context["messages"]]


def test_staff_ask_for_verifications_across_tenants_and_customers_see_who_asked(cast, staff) -> None:
    mine, theirs = connect(cast.tenant), connect(cast.other_tenant)
    bare = connect(cast.tenant, "No account yet", "")

    told = ask(staff, mine, theirs, bare)

    assert told == [
        "No account yet: Give the 12-digit id of your AWS account first, then verify.",
        "A verification is under way for 2 of 3.",
    ]
    for tenant, connection in ((cast.tenant, mine), (cast.other_tenant, theirs)):
        with tenant_scope(tenant.pk):
            verification = Verification.objects.get(connection=connection)
            event = AuditEvent.objects.get(action="admin:verification:requested")
        assert (verification.state, verification.requested_by) == ("queued", cast.staff.email)
        assert (event.actor_kind, event.actor_name, event.target_id) == (
            "staff",
            cast.staff.email,
            str(verification.pk),
        )
    assert ask(staff, mine) == ["A verification is under way for 1 of 1."]
    with tenant_scope(cast.tenant.pk):
        assert Verification.objects.count() == 1


def test_without_a_reason_nothing_is_asked_for(cast, staff) -> None:
    connection = connect(cast.tenant)
    chosen = {"action": "ask_for_verification", "_selected_action": [str(connection.pk)]}

    asked = staff.post(LIST, chosen)
    empty = staff.post(LIST, chosen | {"reason": " "})

    assert (asked.status_code, empty.status_code) == (200, 422)
    assert f'name="_selected_action" value="{connection.pk}"' in asked.content.decode()
    with tenant_scope(cast.tenant.pk):
        assert Verification.objects.count() == 0


def test_staff_are_told_when_the_queue_is_away(cast, staff, monkeypatch) -> None:
    use_broker(monkeypatch, AWAY)

    told = ask(staff, connect(cast.tenant))

    assert told == ["Production: the queue is unavailable, nothing was started."]


def test_tenants_take_turns() -> None:
    many, few = uuid4(), uuid4()
    chosen = [(many, uuid4(), f"many {number}") for number in range(3)] + [(few, uuid4(), "few")]

    assert [name for _, _, name in _in_turn(chosen)] == ["many 0", "few", "many 1", "many 2"]


def test_no_more_than_a_hundred_are_asked_for_at_once(cast, staff) -> None:
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name=f"{n}") for n in range(101))
        chosen = list(Connection.objects.all())

    assert ask(staff, *chosen) == ["Choose 100 connections at the most."]


def test_what_is_no_row_can_be_ticked_by_nobody(cast, staff) -> None:
    ticked = {"action": "ask_for_verification", "_selected_action": ["a@b.c"]}

    answer = staff.post("/admin/integrations/connection/", ticked)

    assert answer.status_code == 400
