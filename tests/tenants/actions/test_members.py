"""Members: who may give which role, and that a tenant always has an owner, also when two take one away at once."""

from threading import Barrier, Thread

import pytest
from django.db import connections
from django.db.utils import IntegrityError

from tenants.actions.members import LastOwner, NotAllowed, change_role, leave, remove_member, transfer_ownership
from tenants.audit import Actor
from tenants.models import AuditEvent, Member, Tenant, User
from tenants.permissions import Role
from tenants.scope import tenant_scope


def member(cast, user: User) -> Member:
    return Member.objects.get(tenant=cast.tenant, user=user)


def roles(cast) -> dict[str, str]:
    with tenant_scope(cast.tenant.pk):
        return dict(Member.objects.filter(tenant=cast.tenant).values_list("user__email", "role"))


def last_event(cast) -> AuditEvent:
    with tenant_scope(cast.tenant.pk):
        return AuditEvent.objects.latest("pk")


def test_an_admin_gives_roles_below_owner(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        change_role(
            member=member(cast, cast.viewer),
            role=Role.ADMIN,
            acting=member(cast, cast.admin),
            by=Actor.user(cast.admin),
        )

    assert roles(cast)[cast.viewer.email] == "admin"
    event = last_event(cast)
    assert (event.action, event.actor_name) == ("page:member:role_changed", cast.admin.email)
    assert event.data == {"email": cast.viewer.email, "role": "admin", "previous_role": "viewer"}


@pytest.mark.parametrize(
    ("who", "target", "role"),
    [
        ("admin", "viewer", Role.OWNER),
        ("admin", "admin", Role.OWNER),
        ("admin", "owner", Role.VIEWER),
        ("viewer", "viewer", Role.ADMIN),
        ("viewer", "admin", Role.VIEWER),
    ],
)
def test_nobody_gives_or_takes_more_than_they_may(cast, who, target, role) -> None:
    before = roles(cast)

    with tenant_scope(cast.tenant.pk), pytest.raises(NotAllowed):
        change_role(
            member=member(cast, getattr(cast, target)),
            role=role,
            acting=member(cast, getattr(cast, who)),
            by=Actor.user(getattr(cast, who)),
        )

    assert roles(cast) == before


def test_the_last_owner_is_neither_demoted_nor_lost(cast) -> None:
    owner = cast.owner

    for attempt in (
        lambda me: change_role(member=me, role=Role.ADMIN, acting=me, by=Actor.user(owner)),
        lambda me: leave(member=me, by=Actor.user(owner)),
        lambda me: remove_member(member=me, acting=me, by=Actor.user(owner)),
    ):
        with tenant_scope(cast.tenant.pk), pytest.raises(LastOwner, match="Make another member owner first"):
            attempt(member(cast, owner))

    assert roles(cast)[owner.email] == "owner"


def test_ownership_changes_hands_in_one_step(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        transfer_ownership(to=member(cast, cast.viewer), acting=member(cast, cast.owner), by=Actor.user(cast.owner))

    assert roles(cast) == {cast.owner.email: "admin", cast.admin.email: "admin", cast.viewer.email: "owner"}
    assert last_event(cast).data == {"email": cast.viewer.email, "previous_owner": cast.owner.email}


def test_who_leaves_leaves_a_trace(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        leave(member=member(cast, cast.viewer), by=Actor.user(cast.viewer))

    assert cast.viewer.email not in roles(cast)
    assert last_event(cast).action == "page:member:left"


@pytest.mark.parametrize("change", ["demote", "delete"])
def test_the_database_itself_refuses_a_tenant_without_an_owner(cast, change) -> None:
    rows = Member.objects.filter(user=cast.owner)

    with pytest.raises(IntegrityError, match="a tenant needs an owner"), tenant_scope(cast.tenant.pk):
        rows.update(role="viewer") if change == "demote" else rows.delete()

    assert roles(cast)[cast.owner.email] == "owner"


def test_the_database_lets_an_owner_be_replaced_and_a_tenant_go(cast) -> None:
    with tenant_scope(cast.tenant.pk):
        Member.objects.filter(user=cast.owner).update(role="viewer")
        Member.objects.filter(user=cast.viewer).update(role="owner")
    assert roles(cast)[cast.viewer.email] == "owner"

    with tenant_scope(cast.tenant.pk):
        Tenant.objects.get(pk=cast.tenant.pk).delete()
    assert roles(cast) == {}


@pytest.mark.parametrize("guarded", [True, False], ids=["by the actions", "by the database alone"])
def test_of_two_owners_who_leave_at_once_one_stays(cast, guarded) -> None:
    for _ in range(5):
        with tenant_scope(cast.tenant.pk):
            Member.objects.filter(user__in=[cast.owner, cast.admin]).delete()
            for user in (cast.owner, cast.admin):
                Member.objects.create(tenant=cast.tenant, user=user, role=Role.OWNER)
        together = Barrier(2)
        refused: list[type[Exception]] = []

        def go(user: User, together=together, refused=refused) -> None:
            try:
                with tenant_scope(cast.tenant.pk):
                    mine = member(cast, user)
                    together.wait(10)
                    if guarded:
                        leave(member=mine, by=Actor.user(user))
                    else:
                        Member.objects.filter(pk=mine.pk).delete()
            except (LastOwner, IntegrityError) as refusal:
                refused.append(type(refusal))
            finally:
                connections.close_all()

        threads = [Thread(target=go, args=[user]) for user in (cast.owner, cast.admin)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert refused == [LastOwner if guarded else IntegrityError]
        assert list(roles(cast).values()).count("owner") == 1
