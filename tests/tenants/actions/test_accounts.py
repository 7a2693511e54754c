"""A person's account: what is handed out of it, and that its deletion takes nothing of a tenant's with it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connections
from django.utils import timezone

from tenants.actions import accounts
from tenants.actions.accounts import CannotDelete, delete_account, export_account, owned_alone
from tenants.actions.deletion import delete_tenant
from tenants.actions.invitations import accept_invitation, invite
from tenants.actions.members import leave
from tenants.actions.recovery import request_recovery
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM, Actor
from tenants.models import ApiToken, AuditEvent, Invitation, Member, Recovery, Tenant, User
from tenants.permissions import Role
from tenants.scope import staff_scope, tenant_scope
from tenants.secrets import digest, seal
from tests.environment import DATABASE


def join(tenant: Tenant, user: User, role: Role) -> Member:
    with tenant_scope(tenant.pk):
        return Member.objects.create(tenant=tenant, user=user, role=role)


def make_token(tenant: Tenant, user: User, name: str = "Pipeline") -> str:
    with tenant_scope(tenant.pk):
        return create_token(tenant=tenant, name=name, user=user, by=Actor.user(user))[1]


def delete(user: User) -> None:
    delete_account(user=user, by=Actor.user(user))


def exists(user: User) -> bool:
    return User.objects.filter(pk=user.pk).exists()


def actions_in(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.pk):
        return list(AuditEvent.objects.for_tenant(tenant.pk).order_by("pk").values_list("action", flat=True))


def rows_of_everything(database) -> dict[str, int]:
    with psycopg.connect(database.url(DATABASE)) as superuser:
        tables = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {table: superuser.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for (table,) in tables}


class TestDeletion:
    def test_the_person_is_gone_and_what_is_the_tenants_stays(self, cast, db) -> None:
        """Also in an organisation that they left before, whose revoked tokens name them."""
        joined = join(cast.other_tenant, cast.admin, Role.ADMIN)
        make_token(cast.other_tenant, cast.admin)
        with tenant_scope(cast.other_tenant.pk):
            leave(member=joined, by=Actor.user(cast.admin))
        make_token(cast.tenant, cast.admin)
        with tenant_scope(cast.tenant.pk):
            acting = Member.objects.get(user=cast.admin)
            invite(tenant=cast.tenant, email="new@example.com", role=Role.VIEWER, acting=acting, by=SYSTEM)
        EmailAddress.objects.create(user=cast.admin, email=cast.admin.email, verified=True, primary=True)
        Authenticator.objects.create(user=cast.admin, type="totp", data={"secret": seal("x")})
        mail.outbox.clear()
        before = rows_of_everything(db)

        delete(cast.admin)

        assert not exists(cast.admin)
        after = rows_of_everything(db)
        changed = {table: after[table] - before[table] for table in before if after[table] != before[table]}
        events = changed.pop("tenants_auditevent")
        gone = ("tenants_user", "tenants_member", "account_emailaddress", "mfa_authenticator")
        assert changed == dict.fromkeys(gone, -1)
        assert events == 4, "the token revoked, the member left, and the account deleted: for the tenant, and for us"
        for tenant in (cast.tenant, cast.other_tenant):
            with tenant_scope(tenant.pk):
                token = ApiToken.objects.get()
                assert (token.created_by, token.revoked_at is None) == (None, False)
        with tenant_scope(cast.tenant.pk):
            assert Invitation.objects.get().invited_by is None
        assert [sent.to for sent in mail.outbox] == [[cast.admin.email]]
        assert mail.outbox[0].subject == "Your account is deleted"

    def test_the_organisation_is_told_by_its_audit_log_and_what_was_in_it_stays(self, cast) -> None:
        before = actions_in(cast.tenant)

        delete(cast.viewer)

        assert actions_in(cast.tenant) == [*before, "page:member:left", "page:account:deleted"]
        assert "page:account:deleted" not in actions_in(cast.other_tenant)
        with tenant_scope(cast.tenant.pk):
            event = AuditEvent.objects.latest("pk")
        assert (event.actor_id, event.actor_name) == (str(cast.viewer.pk), cast.viewer.email)
        with staff_scope():
            ours = AuditEvent.objects.get(tenant_id=None, action="page:account:deleted")
        assert (ours.actor_id, ours.actor_name) == (str(cast.viewer.pk), "")

    def test_every_session_ends_and_every_token_is_refused(self, cast, sign_in, api) -> None:
        join(cast.other_tenant, cast.admin, Role.ADMIN)
        here, there = sign_in(cast.admin), sign_in(cast.admin)
        programs = [api(cast.admin, cast.tenant), api(cast.admin, cast.other_tenant)]
        kept = UserSession.objects.create(
            user=cast.admin, session_key=there.cookies["sessionid"].value, ip="192.0.2.1", user_agent="Firefox"
        )
        assert [program.get("/api/v1/connections/").status_code for program in programs] == [200, 200]

        delete(cast.admin)

        assert here.get("/organisations/").status_code == there.get("/organisations/").status_code == 302
        assert not Session.objects.filter(pk=kept.session_key).exists()
        assert not UserSession.objects.exists()
        assert [program.get("/api/v1/connections/").status_code for program in programs] == [401, 401]

    def test_the_last_owner_stays_a_member_everywhere_and_is_told_of_which(self, cast) -> None:
        """Of several organisations, nothing is left behind half-way."""
        join(cast.other_tenant, cast.owner, Role.VIEWER)
        make_token(cast.tenant, cast.owner)
        before = actions_in(cast.tenant), actions_in(cast.other_tenant)
        mail.outbox.clear()

        with pytest.raises(CannotDelete, match=r"last owner of: Blue Harbour\. Hand ownership over, or"):
            delete(cast.owner)

        assert exists(cast.owner)
        assert (actions_in(cast.tenant), actions_in(cast.other_tenant)) == before
        for tenant in (cast.tenant, cast.other_tenant):
            with tenant_scope(tenant.pk):
                assert Member.objects.filter(user=cast.owner).exists()
        with tenant_scope(cast.tenant.pk):
            assert ApiToken.objects.get().revoked_at is None
        assert mail.outbox == []
        assert owned_alone(cast.owner) == [cast.tenant]

    def test_an_owner_among_others_may_go(self, cast) -> None:
        with tenant_scope(cast.tenant.pk):
            Member.objects.filter(user=cast.admin).update(role=Role.OWNER)

        delete(cast.owner)

        assert not exists(cast.owner)
        assert owned_alone(cast.admin) == [cast.tenant]

    @pytest.mark.parametrize("change", [{"is_staff": True}, {"is_superuser": True}, {}])
    def test_what_the_vendors_records_hold_stays(self, cast, change) -> None:
        """Also somebody who is no support staff any more: Django admin's log would be deleted with them."""
        User.objects.filter(pk=cast.viewer.pk).update(**change) if change else LogEntry.objects.create(
            user=cast.viewer, action_flag=CHANGE, object_repr="x"
        )

        with pytest.raises(CannotDelete, match="support staff"):
            delete(cast.viewer)

        assert exists(cast.viewer)
        with tenant_scope(cast.tenant.pk):
            assert Member.objects.filter(user=cast.viewer).exists()

    def test_deleting_twice_changes_nothing(self, cast) -> None:
        delete(cast.viewer)
        once = actions_in(cast.tenant)

        delete(cast.viewer)

        assert actions_in(cast.tenant) == once

    def test_of_several_at_once_one_deletes(self, cast) -> None:
        join(cast.other_tenant, cast.viewer, Role.VIEWER)
        failed = at_once(*[lambda: delete(cast.viewer)] * 4)

        assert failed == []
        assert not exists(cast.viewer)
        for tenant in (cast.tenant, cast.other_tenant):
            assert actions_in(tenant).count("page:account:deleted") == 1

    def test_of_two_owners_who_go_at_once_one_stays(self, cast) -> None:
        with tenant_scope(cast.tenant.pk):
            Member.objects.filter(user=cast.admin).update(role=Role.OWNER)

        failed = at_once(lambda: delete(cast.owner), lambda: delete(cast.admin))

        assert [type(one) for one in failed] == [CannotDelete]
        assert [exists(cast.owner), exists(cast.admin)].count(True) == 1

    def test_who_joins_an_organisation_at_the_same_moment_leaves_it_again(self, cast, monkeypatch) -> None:
        """The look at where they are named comes before; the database refuses to delete a person that a row names."""
        EmailAddress.objects.create(user=cast.viewer, email=cast.viewer.email, verified=True, primary=True)
        mail.outbox.clear()
        with tenant_scope(cast.other_tenant.pk):
            acting = Member.objects.get(user=cast.stranger)
            invite(tenant=cast.other_tenant, email=cast.viewer.email, role=Role.ADMIN, acting=acting, by=SYSTEM)
        link = next(word for word in mail.outbox[0].body.split() if "/invitations/" in word).split("/")[-2]
        erase = accounts.erase_person
        joined: list[bool] = []

        def join_before(user: User) -> None:
            if not joined:
                joined.append(True)
                assert at_once(lambda: accept_invitation(link=digest(link), user=user, by=Actor.user(user))) == []
            erase(user)

        monkeypatch.setattr(accounts, "erase_person", join_before)

        delete(cast.viewer)

        assert joined
        assert not exists(cast.viewer)
        assert actions_in(cast.other_tenant)[-3:] == [
            "page:invitation:accepted", "page:member:left", "page:account:deleted",
        ]  # fmt: skip


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """What was raised by these, each of which begins at the same moment."""
    together = Barrier(len(works))

    def go(work: Callable[[], object]) -> None:
        together.wait(10)
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as threads:
        raised = [future.exception(60) for future in [threads.submit(go, work) for work in works]]
    return [error for error in raised if error is not None]


def test_a_deleted_organisation_takes_along_who_was_in_another_before(cast) -> None:
    joined = join(cast.other_tenant, cast.owner, Role.ADMIN)
    make_token(cast.other_tenant, cast.owner)
    with tenant_scope(cast.other_tenant.pk):
        leave(member=joined, by=Actor.user(cast.owner))
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(deletion_requested_at=timezone.now(), deletion_due_at=timezone.now())

    delete_tenant(tenant_id=cast.tenant.pk)

    assert not exists(cast.owner)
    with tenant_scope(cast.other_tenant.pk):
        assert ApiToken.objects.get().created_by is None


def test_the_look_up_knows_every_column_of_a_tenant_that_names_a_person(db) -> None:
    """One more foreign key from a tenant's table to people belongs into `tenants_that_name_user` and `erase_person`."""
    with psycopg.connect(db.url(DATABASE)) as superuser:
        keys = superuser.execute(
            """
            SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
            WHERE c.contype = 'f' AND c.confrelid = 'tenants_user'::regclass
            """
        ).fetchall()

    assert set(keys) == {
        ("tenants_member", "user_id"), ("tenants_apitoken", "created_by_id"), ("tenants_invitation", "invited_by_id"),
        # Of the person alone. Who is in the log of Django admin is not deleted.
        ("account_emailaddress", "user_id"), ("mfa_authenticator", "user_id"), ("usersessions_usersession", "user_id"),
        ("socialaccount_socialaccount", "user_id"), ("tenants_user_groups", "user_id"),
        ("tenants_user_user_permissions", "user_id"), ("django_admin_log", "user_id"),
    }  # fmt: skip


class TestExport:
    def exported(self, user: User) -> dict:
        return json.loads("".join(export_account(user=user, by=Actor.user(user), may_read=lambda _: True)))

    def test_it_holds_what_is_kept_about_the_person(self, cast, sign_in) -> None:
        join(cast.other_tenant, cast.admin, Role.VIEWER)
        EmailAddress.objects.create(user=cast.admin, email=cast.admin.email, verified=True, primary=True)
        Authenticator.objects.create(user=cast.admin, type="totp", data={"secret": seal("x")})
        client = sign_in(cast.admin)
        UserSession.objects.create(
            user=cast.admin, session_key=client.cookies["sessionid"].value, ip="192.0.2.1", user_agent="Firefox"
        )
        make_token(cast.tenant, cast.admin)

        document = self.exported(cast.admin)

        assert document["account"]["email"] == cast.admin.email
        assert document["email_addresses"] == [{"email": cast.admin.email, "verified": True, "primary": True}]
        assert [factor["type"] for factor in document["second_factors"]] == ["totp"]
        assert [(one["address"], one["browser"]) for one in document["sessions"]] == [("192.0.2.1", "Firefox")]
        assert {(one["name"], one["role"]) for one in document["organisations"]} == {
            ("Blue Harbour", "admin"), ("Red Mill", "viewer"),
        }  # fmt: skip
        (ours,) = [one for one in document["organisations"] if one["name"] == "Blue Harbour"]
        assert [token["name"] for token in ours["api_tokens"]] == ["Pipeline"]
        assert [event["action"] for event in ours["what_you_did"]] == ["page:api_token:created"]

    def test_it_holds_no_secret_nobody_else_and_nothing_of_a_tenant_that_they_left(self, cast, sign_in) -> None:
        client = sign_in(cast.admin)
        session = client.cookies["sessionid"].value
        UserSession.objects.create(user=cast.admin, session_key=session, ip="192.0.2.1", user_agent="Firefox")
        seed = seal("x")
        Authenticator.objects.create(user=cast.admin, type="totp", data={"secret": seed})
        joined = join(cast.other_tenant, cast.admin, Role.ADMIN)
        make_token(cast.other_tenant, cast.admin, "Elsewhere")
        with tenant_scope(cast.other_tenant.pk):
            leave(member=joined, by=Actor.user(cast.admin))
        text = make_token(cast.tenant, cast.admin)
        make_token(cast.tenant, cast.owner, "The owner's")
        with tenant_scope(cast.tenant.pk):
            acting = Member.objects.get(user=cast.admin)
            by = Actor.user(cast.admin)
            invite(tenant=cast.tenant, email="invited@example.com", role=Role.VIEWER, acting=acting, by=by)

        document = self.exported(cast.admin)

        everything = json.dumps(document, ensure_ascii=False)
        (ours,) = document["organisations"]
        assert ours["what_you_did"][-1]["action"] == "page:invitation:created"
        for foreign in (
            "Red Mill", "Elsewhere", "The owner's", cast.owner.email, cast.stranger.email, "invited@example.com",
        ):  # fmt: skip
            assert foreign not in everything
        for secret in (text, digest(text), session, seed, cast.admin.password):
            assert secret not in everything

    def test_more_events_than_are_read_at_once_come_once_each(self, cast, monkeypatch) -> None:
        monkeypatch.setattr("tenants.personal_data.AT_ONCE", 2)
        for number in range(5):
            make_token(cast.tenant, cast.admin, f"Token {number}")

        (ours,) = self.exported(cast.admin)["organisations"]

        assert len(ours["what_you_did"]) == 5

    def test_of_somebody_in_no_organisation(self, db) -> None:
        user = User.objects.create_user("alone@example.com", "a long and rather quiet password")

        assert self.exported(user)["organisations"] == []
        delete(user)
        assert not exists(user)


def test_a_recovery_that_waits_goes_with_the_account(cast) -> None:
    Authenticator.objects.create(user=cast.viewer, type="totp", data={"secret": seal("whatever")})
    (recovery,) = request_recovery(
        tenant_id=cast.tenant.pk, kind=Recovery.Kind.SECOND_FACTOR, email=cast.viewer.email, reason="lost", by=SYSTEM
    )

    delete(cast.viewer)

    with tenant_scope(cast.tenant.pk):
        assert Recovery.objects.get(pk=recovery.pk).cancelled_at is not None
    assert "recovery:cancelled" in " ".join(actions_in(cast.tenant))
