"""The vendor's terms and privacy notice, where they are set: shown, agreed to at sign-up, and kept with the person."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from tenants.actions.invitations import invite
from tenants.audit import SYSTEM
from tenants.models import Member, User
from tenants.permissions import Role
from tenants.scope import tenant_scope

SIGN_UP = "/accounts/signup/"
TERMS, PRIVACY = "https://vendor.example/terms?version=3&lang=en", "https://vendor.example/privacy"
FORM = {"organisation": "Green Valley", "email": "new@example.org", "password1": "a long and rather quiet password"}


@pytest.fixture
def terms(settings) -> None:
    settings.TERMS_URL, settings.PRIVACY_URL = TERMS, PRIVACY


def test_where_none_are_set_nobody_is_asked_and_nothing_is_kept(client, db) -> None:
    page = client.get(SIGN_UP).content.decode()
    client.post(SIGN_UP, FORM)

    assert "terms" not in page.lower()
    assert "Privacy notice" not in page
    user = User.objects.get(email=FORM["email"])
    assert (user.terms_agreed_at, user.terms_url) == (None, "")


@pytest.mark.parametrize("url", [SIGN_UP, "/", "/accounts/login/"])
def test_the_sign_up_page_and_the_foot_of_others_link_to_them(client, db, terms, url) -> None:
    page = client.get(url).content.decode()

    assert 'href="https://vendor.example/terms?version=3&amp;lang=en"' in page
    assert f'href="{PRIVACY}"' in page


def test_a_privacy_notice_alone_asks_for_no_tick(client, db, settings) -> None:
    settings.PRIVACY_URL = PRIVACY

    page = client.get(SIGN_UP).content.decode()
    client.post(SIGN_UP, FORM)

    assert f'href="{PRIVACY}"' in page
    assert "I agree" not in page
    assert User.objects.filter(email=FORM["email"]).exists()


def test_whoever_does_not_tick_the_box_is_told_beside_it_and_has_typed_nothing_in_vain(client, db, terms) -> None:
    answer = client.post(SIGN_UP, FORM)

    page = answer.content.decode()
    assert answer.context["form"].errors == {"terms": ["To sign up, read the terms and tick this box."]}
    assert 'aria-invalid="true"' in page
    assert f'value="{FORM["organisation"]}"' in page
    assert f'value="{FORM["email"]}"' in page
    assert not User.objects.exists()


def test_another_mistake_leaves_the_box_ticked(client, db, terms) -> None:
    answer = client.post(SIGN_UP, FORM | {"terms": "on", "password1": "short"})

    assert "checked" in str(answer.context["form"]["terms"])


def test_what_was_agreed_to_is_kept_with_the_time(client, db, terms) -> None:
    client.post(SIGN_UP, FORM | {"terms": "on"})

    user = User.objects.get(email=FORM["email"])
    assert user.terms_url == TERMS
    assert timezone.now() - user.terms_agreed_at < timedelta(minutes=1)


@pytest.mark.parametrize("ticked", [True, False])
def test_who_signs_up_by_an_invitation_agrees_too(client, cast, terms, ticked) -> None:
    mail.outbox.clear()
    with tenant_scope(cast.tenant.pk):
        owner = Member.objects.get(user=cast.owner)
        invite(tenant=cast.tenant, email=FORM["email"], role=Role.VIEWER, acting=owner, by=SYSTEM)
    link = next(word for word in mail.outbox[0].body.split() if "/invitations/" in word)
    client.get("/" + link.split("/", 3)[3], follow=True)
    form = {name: FORM[name] for name in ("email", "password1")} | ({"terms": "on"} if ticked else {})

    client.post(SIGN_UP, form)

    assert [user.terms_url for user in User.objects.filter(email=FORM["email"])] == ([TERMS] if ticked else [])
