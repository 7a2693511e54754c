"""The second factor: demanded of staff always, of members where their organisation says so."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.db import connections
from django.db.utils import ProgrammingError
from django.http import HttpRequest
from django.test import Client

from portal.known_browser import known_browser
from tenants.models import Tenant, User
from tenants.scope import STAFF, tenant_scope
from tenants.secrets import seal, unseal
from tests.second_factor import TOTP_SECRET, code_of

LOGIN = "/accounts/login/"
SECOND = "/accounts/second-factor/"


@pytest.fixture
def member(cast) -> User:
    EmailAddress.objects.create(user=cast.viewer, email=cast.viewer.email, verified=True, primary=True)
    return cast.viewer


def sign_in(user: User, password: str, **more) -> tuple[Client, Any]:
    client = Client(**more)
    return client, client.post(LOGIN, {"login": user.email, "password": password})


def set_up(client: Client, password: str) -> list[str]:
    """Set an authenticator app up; gives its secret and the recovery codes."""
    client.post("/accounts/reauthenticate/", {"password": password})
    secret = client.get(f"{SECOND}app/").context["form"].secret
    codes = client.post(f"{SECOND}app/", {"code": code_of(secret)}, follow=True).context["unused_codes"]
    return [secret, *codes]


def test_staff_without_one_reach_no_page_of_admin(cast) -> None:
    Authenticator.objects.all().delete()
    client = Client()
    client.force_login(cast.staff, backend="allauth.account.auth_backends.AuthenticationBackend")

    for url in ("/admin/", "/admin/tenants/tenant/", f"/admin/tenants/tenant/{cast.tenant.pk}/change/"):
        answer = client.get(url)
        assert (answer.status_code, answer["Location"]) == (302, f"{SECOND}app/")
    assert client.post("/admin/integrations/connection/", {"action": "ask_for_verification"}).status_code == 302


def test_staff_cannot_take_theirs_off(cast, member) -> None:
    EmailAddress.objects.create(user=cast.staff, email=cast.staff.email, verified=True, primary=True)
    client, _ = sign_in(cast.staff, cast.password)
    client.post(f"{SECOND}authenticate/", {"code": code_of(TOTP_SECRET)})
    client.post("/accounts/reauthenticate/", {"password": cast.password})

    answer = client.post(f"{SECOND}app/remove/")

    assert answer.status_code == 200
    assert Authenticator.objects.filter(user=cast.staff, type="totp").exists()


def test_setting_one_up_ends_the_sessions_that_are_older(cast, member) -> None:
    older, _ = sign_in(member, cast.password)
    client, _ = sign_in(member, cast.password)
    home = f"/tenants/{cast.tenant.pk}/connections/"
    assert older.get(home).status_code == 200

    set_up(client, cast.password)
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(require_second_factor=True)

    assert older.get(home)["Location"].startswith(LOGIN)
    assert client.get(home).status_code == 200, "whoever has just typed a code is not asked for another one"


@pytest.mark.parametrize("who", ["member", "staff"])
def test_a_session_that_has_shown_none_is_asked_for_it(who, cast, member) -> None:
    person = cast.staff if who == "staff" else member
    with tenant_scope(cast.tenant.pk):
        Tenant.objects.update(require_second_factor=True)
    Authenticator.objects.get_or_create(user=person, type="totp", defaults={"data": {"secret": seal(TOTP_SECRET)}})
    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = "/admin/" if who == "staff" else f"/tenants/{cast.tenant.pk}/connections/"

    asked = client.get(page)
    by_password = client.post(f"/accounts/reauthenticate/?next={SECOND}recovery-codes/", {"password": cast.password})
    codes = client.get(f"{SECOND}recovery-codes/new/", follow=True)

    assert asked["Location"] == f"{SECOND}reauthenticate/?{urlencode({'next': page})}"
    assert by_password["Location"] == f"{SECOND}reauthenticate/?{urlencode({'next': f'{SECOND}recovery-codes/'})}"
    assert codes.redirect_chain[-1][0].startswith(f"{SECOND}reauthenticate/")
    shown = client.post(asked["Location"], {"code": code_of(TOTP_SECRET)})
    assert shown["Location"] == page
    assert client.get(page).status_code == 200


def test_a_session_that_has_shown_none_chooses_no_other_password(cast) -> None:
    client = Client()
    client.force_login(cast.staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    another = dict.fromkeys(("password1", "password2"), "another long and quiet one")

    answer = client.post("/accounts/password/change/", {"oldpassword": cast.password} | another)

    assert answer["Location"].startswith(f"{SECOND}reauthenticate/")
    cast.staff.refresh_from_db()
    assert cast.staff.check_password(cast.password)


@pytest.mark.parametrize(
    ("referrer", "back"),
    [
        ("http://testserver/admin/tenants/tenant/?q=1", "/admin/tenants/tenant/"),
        ("https://evil.example/", "/admin/logout/"),
        ("", "/admin/logout/"),
    ],
)
def test_whoever_is_asked_for_one_after_a_form_comes_back_to_the_page_of_the_form(cast, referrer, back) -> None:
    client = Client()
    client.force_login(cast.staff, backend="allauth.account.auth_backends.AuthenticationBackend")

    after_a_form = client.post("/admin/logout/", headers={"Referer": referrer})
    by_htmx = client.get("/admin/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/search/"})

    assert after_a_form["Location"] == f"{SECOND}reauthenticate/?{urlencode({'next': back})}"
    assert by_htmx["HX-Redirect"] == f"{SECOND}reauthenticate/?{urlencode({'next': '/admin/search/'})}"


def test_a_password_alone_is_not_enough_any_more(cast, member) -> None:
    client, _ = sign_in(member, cast.password)
    secret, recovery_code, *_ = set_up(client, cast.password)

    other, answer = sign_in(member, cast.password)
    wrong = other.post(f"{SECOND}authenticate/", {"code": "000000"})
    signed_in_yet = other.get("/organisations/").status_code
    right = other.post(f"{SECOND}authenticate/", {"code": recovery_code})

    assert answer["Location"] == f"{SECOND}authenticate/"
    assert "Incorrect code" in wrong.content.decode()
    assert signed_in_yet == 302
    assert right.status_code == 302
    third, _ = sign_in(member, cast.password)
    again = third.post(f"{SECOND}authenticate/", {"code": recovery_code})
    assert "Incorrect code" in again.content.decode(), "a recovery code works once"
    assert secret not in json.dumps(list(Authenticator.objects.values_list("data", flat=True))), "it is sealed"


def test_a_code_of_the_app_works_once(cast, member) -> None:
    TOTP.activate(member, TOTP_SECRET)
    first, _ = sign_in(member, cast.password)
    second, _ = sign_in(member, cast.password)
    code = code_of(TOTP_SECRET)

    first.post(f"{SECOND}authenticate/", {"code": code})
    again = second.post(f"{SECOND}authenticate/", {"code": code})

    assert first.get("/organisations/").status_code == 200
    assert "Incorrect code" in again.content.decode()
    assert second.get("/organisations/").status_code == 302


def test_seeds_of_app_and_recovery_codes_are_kept_sealed(cast, member) -> None:
    client, _ = sign_in(member, cast.password)
    set_up(client, cast.password)

    kept = {one.type: one.data for one in Authenticator.objects.filter(user=member)}

    assert unseal(kept["totp"]["secret"])
    assert unseal(kept["recovery_codes"]["seed"])


def test_guessing_codes_is_stopped(cast, member) -> None:
    TOTP.activate(member, TOTP_SECRET)
    client, _ = sign_in(member, cast.password)

    answers = [client.post(f"{SECOND}authenticate/", {"code": f"{n:06}"}).content.decode() for n in range(7)]

    assert "Too many failed" in answers[-1]


def test_an_organisation_that_asks_for_one_leads_its_members_there_first(cast, member) -> None:
    client, _ = sign_in(member, cast.password)
    with tenant_scope(cast.tenant.pk):
        type(cast.tenant).objects.filter(pk=cast.tenant.pk).update(require_second_factor=True)
    page = f"/tenants/{cast.tenant.pk}/connections/"

    before = client.get(page)
    set_up(client, cast.password)
    after = client.get(page)

    assert (before.status_code, before["Location"]) == (302, f"{SECOND}app/")
    assert after.status_code == 200
    assert client.get("/organisations/").status_code == 200, "the rest of the portal stays open"


def test_changing_how_one_signs_in_asks_who_it_is_and_tells_the_owner(cast, member) -> None:
    client, _ = sign_in(member, cast.password)

    unconfirmed = client.get(f"{SECOND}app/")
    set_up(client, cast.password)

    assert unconfirmed["Location"].startswith("/accounts/reauthenticate/")
    assert mail.outbox[-1].to == [member.email]


def test_signing_out_everywhere_else_leaves_this_browser_alone(cast, member) -> None:
    here, _ = sign_in(member, cast.password)
    there, _ = sign_in(member, cast.password, headers={"user-agent": "Elsewhere 1.0"})
    listed = here.get("/accounts/sessions/").content.decode()

    asked = here.post("/accounts/sessions/")
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    assert there.get("/organisations/").status_code == 200
    done = here.post(asked.headers["Location"], {"password": cast.password})

    assert "Elsewhere 1.0" in listed
    assert done.headers["Location"] == "/accounts/sessions/"
    assert here.get("/organisations/").status_code == 200
    assert there.get("/organisations/").status_code == 302


def test_a_new_password_ends_the_other_sessions(cast, member) -> None:
    here, _ = sign_in(member, cast.password)
    there, _ = sign_in(member, cast.password)
    here.post("/accounts/reauthenticate/", {"password": cast.password})

    here.post(
        "/accounts/password/change/",
        {
            "oldpassword": cast.password,
            "password1": "another long and quiet one",
            "password2": "another long and quiet one",
        },
    )

    assert here.get("/organisations/").status_code == 200
    assert there.get("/organisations/").status_code == 302
    request = HttpRequest()
    request.COOKIES = {name: morsel.value for name, morsel in here.cookies.items()}
    assert known_browser(request, member.email), "the browser is still one that the account knows"


def test_a_new_address_counts_once_its_code_is_typed(cast, member) -> None:
    client, _ = sign_in(member, cast.password)
    set_up(client, cast.password)

    client.post("/accounts/email/", {"email": "Moved@Example.com", "action_add": ""})
    code = next(m for m in mail.outbox if m.to == ["moved@example.com"]).body.split("    ")[1].split()[0]
    member.refresh_from_db()
    before = member.email
    client.post("/accounts/confirm-email/", {"code": code})
    member.refresh_from_db()

    assert (before, member.email) == ("viewer@example.com", "moved@example.com")
    assert list(EmailAddress.objects.values_list("email", "verified")) == [("moved@example.com", True)]


def test_an_address_that_is_taken_is_told_to_nobody(cast, member) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    client, _ = sign_in(member, cast.password)
    client.post("/accounts/reauthenticate/", {"password": cast.password})

    known = client.post("/accounts/email/", {"email": cast.owner.email, "action_add": ""}, follow=True)
    new = client.post("/accounts/email/", {"email": "nobody@example.com", "action_add": ""}, follow=True)

    assert known.redirect_chain == new.redirect_chain


@pytest.mark.parametrize("column", ["data"])
def test_the_staffs_database_role_cannot_read_what_makes_codes(cast, column) -> None:
    with connections[STAFF].cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute(f"SELECT {column} FROM mfa_authenticator")


def test_the_staffs_database_role_cannot_read_sessions_of_people(cast) -> None:
    with connections[STAFF].cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute("SELECT session_key FROM usersessions_usersession")
