"""What lets somebody in ends by itself: sessions, codes and links sent by mail."""

import re
import time
from datetime import datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from integrations.actions.connections import create_connection
from tenants.actions.invitations import invite
from tenants.audit import SYSTEM
from tenants.models import Member
from tenants.permissions import Role
from tenants.scope import tenant_scope

SIGN_UP = {"organisation": "Blue Harbour", "email": "new@example.com", "password1": "a long and rather quiet password"}
MINUTE = 60


@pytest.fixture
def later(monkeypatch):
    """Makes it later for the libraries that ask `time.time()`; takes seconds."""
    real = time.time
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: real() + seconds)


@pytest.mark.parametrize(("seconds", "works"), [(9 * MINUTE, True), (11 * MINUTE, False)])
def test_a_code_sent_by_mail_is_good_for_ten_minutes(db, later, seconds, works) -> None:
    client = Client()
    client.post("/accounts/signup/", SIGN_UP)
    code = mail.outbox[-1].body.split("    ")[1].split()[0]

    later(seconds)
    client.post("/accounts/confirm-email/", {"code": code})

    assert EmailAddress.objects.filter(email="new@example.com", verified=True).exists() is works


def test_a_code_works_once_and_in_the_browser_that_asked_for_it(db) -> None:
    client = Client()
    client.post("/accounts/signup/", SIGN_UP)
    code = mail.outbox[-1].body.split("    ")[1].split()[0]

    Client().post("/accounts/confirm-email/", {"code": code})
    elsewhere = EmailAddress.objects.filter(verified=True).exists()
    client.post("/accounts/confirm-email/", {"code": code})
    client.post("/accounts/logout/")
    again = client.post("/accounts/confirm-email/", {"code": code}, follow=True)

    assert not elsewhere
    assert EmailAddress.objects.filter(email="new@example.com", verified=True).exists()
    assert not again.context["user"].is_authenticated


@pytest.mark.parametrize(("minutes", "works"), [(59, True), (61, False)])
def test_a_link_to_choose_a_new_password_is_good_for_an_hour_and_once(cast, monkeypatch, minutes, works) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    Client().post("/accounts/password/reset/", {"email": cast.owner.email})
    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))[1]
    real = datetime.now
    monkeypatch.setattr(
        "django.contrib.auth.tokens.PasswordResetTokenGenerator._now", lambda _: real() + timedelta(minutes=minutes)
    )

    def choose(password: str) -> None:
        client = Client()
        page = client.get(link, follow=True)
        client.post(page.request["PATH_INFO"], {"password1": password, "password2": password})
        cast.owner.refresh_from_db()

    choose("another long and quiet one")
    first = cast.owner.check_password("another long and quiet one")
    choose("a third long and quiet one")

    assert first is works
    assert not cast.owner.check_password("a third long and quiet one")


def test_a_session_ends_twelve_hours_after_its_person_was_last_asked_who_it_is(cast) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client = Client()
    client.post("/accounts/login/", {"login": cast.owner.email, "password": cast.password})
    session = Session.objects.get(session_key=client.cookies["sessionid"].value)
    lasts = session.expire_date - timezone.now()
    client.get("/organisations/")
    Session.objects.filter(pk=session.pk).update(expire_date=session.expire_date - timedelta(hours=11))
    still = client.get("/organisations/").status_code
    Session.objects.filter(pk=session.pk).update(expire_date=session.expire_date - timedelta(hours=12))

    assert timedelta(hours=11, minutes=59) < lasts <= timedelta(hours=12)
    assert client.cookies["sessionid"]["max-age"] == 12 * 3600
    assert still == 200
    assert client.get("/organisations/").status_code == 302


@pytest.mark.parametrize(("hours", "works"), [(11, True), (13, False)])
def test_what_asks_nobody_who_they_are_does_not_make_a_session_last_longer(cast, later, hours, works) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client = Client()
    client.post("/accounts/login/", {"login": cast.owner.email, "password": cast.password})
    with tenant_scope(cast.tenant.pk):
        owner = Member.objects.get(user=cast.owner)
        invite(tenant=cast.tenant, email="new@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
    client.get(re.search(r"/invitations/\S+", str(mail.outbox[-1].body))[0])
    assert "invitation" in client.session, "that wrote to the session"
    cookie = client.cookies["sessionid"].value
    Session.objects.filter(pk=cookie).update(expire_date=timezone.now() + timedelta(days=30))

    later(hours * 60 * MINUTE)

    assert client.get("/organisations/").status_code == (200 if works else 302)
    assert Session.objects.filter(pk=cookie).exists() is works, "an old session is gone, whoever has its cookie"


def test_whoever_proves_themselves_again_is_signed_in_for_another_twelve_hours(cast, later) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client = Client()
    client.post("/accounts/login/", {"login": cast.owner.email, "password": cast.password})
    later(11 * 60 * MINUTE)
    client.post("/accounts/reauthenticate/", {"password": cast.password})
    later(13 * 60 * MINUTE)

    assert client.get("/organisations/").status_code == 200


@pytest.fixture
def ended(cast):
    """A browser whose session has ended, and the address of the page that it shows."""
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Prod", by=SYSTEM)
    client = Client()
    client.force_login(cast.owner)
    address = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 200
    Session.objects.all().delete()
    return client, address


def test_a_live_page_whose_session_has_ended_goes_to_the_sign_in_page_as_a_whole(ended) -> None:
    client, page = ended

    answer = client.get(
        f"{page}?seen=1", headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}?from=a-mail#live"}
    )

    assert answer.status_code == 204
    assert answer["HX-Redirect"] == f"/accounts/login/?next={page}"
    assert answer.content == b""
    assert answer["Cache-Control"] == "no-store"
    assert {"HX-Request", "HX-Current-URL", "Cookie"} <= set(answer["Vary"].split(", "))


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/page/",
        "http://testserver//evil.example/",
        "http://testserver/\\evil.example/",
        "javascript:alert(1)",
        "http://[",
        "",
    ],
)
def test_nobody_is_led_from_the_sign_in_page_to_another_site(ended, elsewhere) -> None:
    client, page = ended

    answer = client.get(page, headers={"HX-Request": "true", "HX-Current-URL": elsewhere})

    assert answer["HX-Redirect"] == f"/accounts/login/?next={page}"


@pytest.mark.parametrize("address", ["/organisations/", "/accounts/email/", "/admin/"])
def test_every_page_that_asks_for_a_sign_in_tells_htmx_so(db, address) -> None:
    by_htmx = Client().get(
        address, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/elsewhere/?q=1"}
    )
    by_itself = Client().get(f"{address}?q=1", headers={"HX-Current-URL": "http://testserver/elsewhere/"})

    assert (by_htmx.status_code, by_htmx["HX-Redirect"]) == (204, "/accounts/login/?next=/elsewhere/")
    assert by_itself["Location"] == f"/accounts/login/?next={address}%3Fq%3D1"
    assert "HX-Redirect" not in by_itself
    assert "HX-Request" in by_itself["Vary"]
