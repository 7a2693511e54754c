"""Invitations: by email, for one address, once; and whatever stands in the way is answered in one way."""

import re
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connections
from django.test import Client
from django.utils import timezone

from tenants.actions import invitations as actions
from tenants.actions.invitations import AlreadyMember, UnusableInvitation, accept_invitation, invite
from tenants.actions.members import NotAllowed
from tenants.audit import SYSTEM, Actor
from tenants.limits import TooOften
from tenants.models import AuditEvent, Invitation, Member, Tenant, User
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tenants.secrets import digest

NEW = "new@example.com"
PASSWORD = "quiet heron by the mill"


def send(cast, email: str = NEW, role: Role = Role.VIEWER, who: str = "owner") -> str:
    """Invite; gives the secret of the link in the mail."""
    with tenant_scope(cast.tenant.pk):
        acting = Member.objects.get(user=getattr(cast, who))
        invite(tenant=cast.tenant, email=email, role=role, acting=acting, by=Actor.user(getattr(cast, who)))
    return secret_in(last_mail())


def last_mail() -> str:
    return str(mail.outbox[-1].body)


def secret_in(text: str) -> str:
    return re.search(r"/invitations/([\w-]+)/", text)[1]


def person(email: str = NEW, *, verified: bool = True) -> User:
    user = User.objects.create_user(email, PASSWORD)
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user


def members(tenant: Tenant) -> dict[str, str]:
    with tenant_scope(tenant.pk):
        return dict(Member.objects.values_list("user__email", "role"))


def test_the_mail_has_the_link_as_text_and_as_html(cast) -> None:
    secret = send(cast)

    message = mail.outbox[-1]
    assert isinstance(message, EmailMultiAlternatives)
    ((html, kind),) = message.alternatives
    assert kind == "text/html"
    assert re.search(rf'href="https?://[^/]+/invitations/{secret}/"', str(html))


def test_the_link_works_once_for_the_address_it_was_sent_to(cast) -> None:
    secret = send(cast, "New@Example.com", Role.ADMIN)
    user = person()

    accept_invitation(link=digest(secret), user=user, by=Actor.user(user))

    assert members(cast.tenant)[NEW] == "admin"
    assert mail.outbox[-1].to == [NEW]
    with pytest.raises(UnusableInvitation):
        accept_invitation(link=digest(secret), user=user, by=Actor.user(user))
    with tenant_scope(cast.tenant.pk):
        assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))[-2:] == [
            "page:invitation:created",
            "page:invitation:accepted",
        ]


def test_the_secret_is_kept_as_a_hash_alone(cast, db) -> None:
    secret = send(cast)

    with tenant_scope(cast.tenant.pk):
        kept = Invitation.objects.values().get()
        told = list(AuditEvent.objects.values_list("data", flat=True))
    assert kept["digest"] == digest(secret)
    assert secret not in f"{kept} {told}"


@pytest.mark.parametrize("case", ["another person", "address not proved", "expired", "revoked", "replaced", "unknown"])
def test_whatever_stands_in_the_way_has_one_answer(cast, sign_in, case) -> None:
    secret = send(cast)
    user = person("else@example.com" if case == "another person" else NEW, verified=case != "address not proved")
    with tenant_scope(cast.tenant.pk):
        if case == "expired":
            Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        if case == "revoked":
            Invitation.objects.update(revoked_at=timezone.now())
    if case == "replaced":
        send(cast)
    if case == "unknown":
        secret = "unknown"
    client = sign_in(user)

    seen = client.get(f"/invitations/{secret}/", follow=True)
    tried = client.post("/invitation/")

    assert (seen.status_code, tried.status_code) == (404, 404)
    for answer in (seen, tried):
        assert "This invitation cannot be used" in answer.content.decode()
        assert "Blue Harbour" not in answer.content.decode()
    assert user.email not in members(cast.tenant)


def test_a_newcomer_signs_up_and_joins_without_founding_an_organisation(cast) -> None:
    secret = send(cast)
    browser = Client()

    page = browser.get(f"/invitations/{secret}/", follow=True)
    form = browser.get(page.context["signup_url"])
    browser.post("/accounts/signup/", {"email": NEW, "password1": PASSWORD, "next": "/invitation/"})
    code = re.search(r"^\s+([A-Z0-9]+-[A-Z0-9]+)\s*$", last_mail(), re.MULTILINE)[1]
    done = browser.post("/accounts/confirm-email/", {"code": code})
    accepted = browser.post("/invitation/", follow=True)

    assert page.redirect_chain == [("/invitation/", 302)]
    assert secret not in page.content.decode() + form.content.decode()
    assert "organisation" not in form.context["form"].fields
    assert form.context["form"]["email"].value() == NEW
    assert done["Location"] == "/invitation/"
    assert "You are a member of Blue Harbour now." in accepted.content.decode()
    assert members(cast.tenant)[NEW] == "viewer"
    assert User.objects.get(email=NEW).memberships.using("staff").count() == 1


def test_the_session_of_whoever_opened_the_link_does_not_hold_its_secret(cast) -> None:
    secret = send(cast)
    browser = Client()

    browser.get(f"/invitations/{secret}/")

    assert secret not in str(dict(browser.session))


def test_a_link_that_somebody_made_up_makes_no_session_and_shows_no_other_invitation(cast) -> None:
    stranger, invited = Client(), Client()
    invited.get(f"/invitations/{send(cast)}/")
    before = set(Session.objects.values_list("pk", flat=True))

    unknown = stranger.get("/invitations/made-up/", follow=True)
    after_another = invited.get("/invitations/made-up/", follow=True)

    assert set(Session.objects.values_list("pk", flat=True)) == before
    assert "sessionid" not in stranger.cookies
    assert (unknown.status_code, after_another.status_code) == (404, 404)


def test_inviting_somebody_who_is_signed_up_looks_the_same(cast) -> None:
    send(cast, cast.stranger.email)
    known = mail.outbox[-1]
    send(cast, "nobody@example.com")
    unknown = mail.outbox[-1]

    assert known.subject == unknown.subject
    assert re.sub(r"/invitations/\S+", "", str(known.body)) == re.sub(r"/invitations/\S+", "", str(unknown.body))


def test_who_belongs_to_two_organisations_switches_between_them(cast, sign_in) -> None:
    EmailAddress.objects.create(user=cast.stranger, email=cast.stranger.email, verified=True, primary=True)
    secret = send(cast, cast.stranger.email)
    client = sign_in(cast.stranger)
    client.get(f"/invitations/{secret}/")
    client.post("/invitation/")

    listed = client.get("/", follow=True).content.decode()

    assert "Blue Harbour" in listed
    assert "Red Mill" in listed
    for tenant in (cast.tenant, cast.other_tenant):
        assert client.get(f"/tenants/{tenant.pk}/members/").status_code == 200


def test_a_member_is_not_invited_again_and_an_admin_invites_no_owner(cast) -> None:
    with pytest.raises(AlreadyMember):
        send(cast, cast.viewer.email)
    with pytest.raises(NotAllowed):
        send(cast, role=Role.OWNER, who="admin")
    assert mail.outbox == []


def test_sending_again_ends_the_first_link_and_revoking_ends_both(cast, sign_in) -> None:
    first = send(cast)
    client = sign_in(cast.admin)
    with tenant_scope(cast.tenant.pk):
        invitation = Invitation.objects.get()
    base = f"/tenants/{cast.tenant.pk}/invitations/{invitation.pk}"

    client.post(f"{base}/resend/")
    second = secret_in(last_mail())

    assert first != second
    with pytest.raises(UnusableInvitation):
        actions.find_invitation(digest(first))
    assert actions.find_invitation(digest(second)).pk == invitation.pk
    client.post(f"{base}/revoke/")
    with pytest.raises(UnusableInvitation):
        actions.find_invitation(digest(second))
    assert client.post(f"{base}/resend/").status_code == 404


def test_an_admin_sends_no_owners_invitation_again(cast, sign_in) -> None:
    send(cast, role=Role.OWNER)
    with tenant_scope(cast.tenant.pk):
        invitation = Invitation.objects.get()
    sent = len(mail.outbox)

    answer = sign_in(cast.admin).post(f"/tenants/{cast.tenant.pk}/invitations/{invitation.pk}/resend/", follow=True)

    assert "Only an owner can invite an owner" in answer.content.decode()
    assert len(mail.outbox) == sent


def test_no_tenant_sends_mail_without_end(cast, monkeypatch) -> None:
    monkeypatch.setattr(actions, "MOST_A_DAY", 3)
    for number in range(3):
        send(cast, f"person{number}@example.com")

    with pytest.raises(TooOften):
        send(cast, "one.more@example.com")


def test_a_link_pressed_twice_at_once_makes_one_member(cast) -> None:
    link, user = digest(send(cast)), person()
    together, outcomes = Barrier(2), []

    def go() -> None:
        together.wait(10)
        try:
            accept_invitation(link=link, user=user, by=Actor.user(user))
            outcomes.append("joined")
        except UnusableInvitation:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["joined", "refused"]


def test_the_mail_server_being_away_loses_nothing(cast, settings, caplog) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    with tenant_scope(cast.tenant.pk):
        acting = Member.objects.get(user=cast.owner)
        invite(tenant=cast.tenant, email=NEW, role=Role.VIEWER, acting=acting, by=SYSTEM)

    with tenant_scope(cast.tenant.pk):
        assert Invitation.objects.get().is_open
    assert "could not be sent" in caplog.text
