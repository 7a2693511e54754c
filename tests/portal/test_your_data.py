"""The pages of a person's own data: downloaded, and the account deleted, by whoever proves once more who they are."""

import json
import re
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from portal.your_data import CODE_ATTEMPTS, CODE_SECONDS
from tenants.models import Member, Tenant, User
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tenants.secrets import seal
from tests.second_factor import TOTP_SECRET, code_of

PAGE, EXPORT, DELETE = "/accounts/your-data/", "/accounts/your-data/export/", "/accounts/your-data/delete/"
CONFIRM = "/accounts/your-data/delete/confirm/"


@pytest.fixture
def prove(sign_in, cast):
    """A client in which the user has just typed their password once more."""

    def proved(user: User) -> Client:
        client = sign_in(user)
        client.post("/accounts/reauthenticate/", {"password": cast.password})
        return client

    return proved


def mailed_code() -> str:
    found = re.search(r"^ +([A-Z0-9]{8})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found
    return found.group(1)


def delete(client: Client, user: User) -> Any:
    """Type the address, then the code that was mailed to it."""
    client.post(DELETE, {"typed_address": user.email})
    return client.post(CONFIRM, {"code": mailed_code()}, follow=True)


def exists(user: User) -> bool:
    return User.objects.filter(pk=user.pk).exists()


class TestDownload:
    def test_it_is_a_file_that_no_cache_keeps(self, cast, prove) -> None:
        answer = prove(cast.viewer).post(EXPORT)

        assert answer["Content-Type"] == "application/json"
        assert answer["Content-Disposition"] == 'attachment; filename="rolebridge-your-data.json"'
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert json.loads(b"".join(answer))["account"]["email"] == cast.viewer.email

    def test_an_open_browser_is_not_enough(self, cast, sign_in) -> None:
        answer = sign_in(cast.viewer).post(EXPORT)

        assert answer["Location"] == f"/accounts/reauthenticate/?{urlencode({'next': PAGE})}"

    def test_what_was_asked_too_often_is_said_on_the_page(self, cast, prove, monkeypatch) -> None:
        monkeypatch.setattr("tenants.actions.accounts.MOST_EXPORTS_AN_HOUR", 1)
        client = prove(cast.viewer)
        client.post(EXPORT)

        answer = client.post(EXPORT, follow=True)

        assert "Try again in an hour" in answer.content.decode()

    @pytest.mark.parametrize("asked", ["require_second_factor", "require_single_sign_on"])
    def test_an_organisation_that_asks_for_more_than_a_password_is_named_and_no_more(self, cast, prove, asked) -> None:
        with tenant_scope(cast.tenant.pk):
            Tenant.objects.update(**{asked: True})

        (organisation,) = json.loads(b"".join(prove(cast.viewer).post(EXPORT)))["organisations"]

        assert organisation.keys() == {"name", "role", "member_since", "withheld"}
        assert organisation["name"] == "Blue Harbour"

    def test_support_staff_download_theirs_too(self, cast, prove) -> None:
        assert json.loads(b"".join(prove(cast.staff).post(EXPORT)))["account"]["is_support_staff"]


class TestDeletion:
    def test_whoever_types_their_address_is_gone_and_signed_out(self, cast, prove) -> None:
        client = prove(cast.viewer)

        asked = client.post(DELETE, {"typed_address": "Viewer@example.com"}, follow=True)
        assert "We sent it to viewer@example.com" in asked.content.decode()
        assert exists(cast.viewer)
        answer = client.post(CONFIRM, {"code": f" {mailed_code()[:4].lower()}-{mailed_code()[4:]}"}, follow=True)

        assert not exists(cast.viewer)
        assert answer.redirect_chain == [("/", 302)]
        assert "Your account is deleted" in answer.content.decode()
        assert client.get(PAGE)["Location"].startswith("/accounts/login/")

    def test_a_double_click_is_answered_like_somebody_who_is_not_signed_in(self, cast, prove) -> None:
        client = prove(cast.viewer)
        cookies = client.cookies.copy()
        delete(client, cast.viewer)
        client.cookies = cookies

        assert client.post(CONFIRM, {"code": "whatever"})["Location"].startswith("/accounts/login/")

    @pytest.mark.parametrize("typed", ["", "owner@example.com", "viewer"])
    def test_another_address_deletes_nothing(self, cast, prove, typed) -> None:
        answer = prove(cast.viewer).post(DELETE, {"typed_address": typed})

        assert answer.status_code == 422
        assert answer.context["form"].errors["typed_address"]
        assert exists(cast.viewer)
        assert mail.outbox == []

    def test_a_password_is_not_enough_without_the_mailbox(self, cast, prove) -> None:
        client = prove(cast.viewer)
        client.post(DELETE, {"typed_address": cast.viewer.email})

        answers = [client.post(CONFIRM, {"code": "BBBBBBBB"}) for _ in range(CODE_ATTEMPTS)]
        assert {answer.status_code for answer in answers} == {422}
        assert answers[0].context["form"].errors["code"] == ["This is not the code of our last mail."]
        late = client.post(CONFIRM, {"code": mailed_code()})

        assert late["Location"] == DELETE, "it was tried often enough"
        assert exists(cast.viewer)

    def test_a_code_is_good_for_ten_minutes_and_in_the_browser_that_asked_for_it(
        self, cast, prove, sign_in, monkeypatch
    ) -> None:
        client, elsewhere = prove(cast.viewer), prove(cast.viewer)
        client.post(DELETE, {"typed_address": cast.viewer.email})

        assert elsewhere.post(CONFIRM, {"code": mailed_code()})["Location"] == DELETE
        now = time.time()
        monkeypatch.setattr("portal.your_data.time.time", lambda: now + CODE_SECONDS + 1)
        answer = client.post(CONFIRM, {"code": mailed_code()})
        # So much later they also prove once more who they are.
        assert answer["Location"].startswith(("/accounts/reauthenticate/", DELETE))
        assert exists(cast.viewer)

    def test_codes_are_not_mailed_without_end(self, cast, prove, monkeypatch) -> None:
        monkeypatch.setattr("tenants.actions.accounts.MOST_CODES_AN_HOUR", 1)
        client = prove(cast.viewer)
        client.post(DELETE, {"typed_address": cast.viewer.email})

        answer = client.post(DELETE, {"typed_address": cast.viewer.email}, follow=True)

        assert "We mail 1 codes an hour" in answer.content.decode()
        assert len(mail.outbox) == 1

    def test_an_open_browser_is_not_enough(self, cast, sign_in) -> None:
        client = sign_in(cast.viewer)

        for answer in (client.get(DELETE), client.post(DELETE, {"typed_address": cast.viewer.email})):
            assert answer["Location"] == f"/accounts/reauthenticate/?{urlencode({'next': DELETE})}"
        assert exists(cast.viewer)

    def test_nor_is_the_password_where_there_is_a_second_factor(self, cast, prove) -> None:
        client = prove(cast.viewer)
        Authenticator.objects.create(user=cast.viewer, type="totp", data={"secret": seal(TOTP_SECRET)})

        answer = client.post(DELETE, {"typed_address": cast.viewer.email})
        client.post(answer["Location"], {"code": code_of(TOTP_SECRET)})

        assert answer["Location"] == f"/accounts/second-factor/reauthenticate/?{urlencode({'next': DELETE})}"
        assert client.get(DELETE).status_code == 200
        delete(client, cast.viewer)
        assert not exists(cast.viewer)

    def test_the_last_owner_is_told_of_which_organisation_and_what_to_do(self, cast, prove) -> None:
        with tenant_scope(cast.tenant.pk):
            Tenant.objects.update(name="<b>Blue</b> Harbour")
        client = prove(cast.owner)

        answer = client.post(DELETE, {"typed_address": cast.owner.email}, follow=True)

        text = answer.content.decode()
        assert answer.redirect_chain == [(PAGE, 302)]
        assert "&lt;b&gt;Blue&lt;/b&gt; Harbour" in text
        assert "<b>Blue" not in text
        assert f'href="/tenants/{cast.tenant.pk}/members/"' in text
        assert f'href="/tenants/{cast.tenant.pk}/settings/"' in text
        assert DELETE not in text, "there is nothing to press"
        assert exists(cast.owner)

    def test_whose_last_other_owner_leaves_in_between_is_told_the_same(self, cast, prove, monkeypatch) -> None:
        client = prove(cast.owner)
        monkeypatch.setattr("portal.your_data.owned_alone", lambda _user: [])

        answer = delete(client, cast.owner)

        assert "You are the last owner of: Blue Harbour" in answer.content.decode()
        assert exists(cast.owner)

    def test_support_staff_are_told_that_their_account_is_the_vendors(self, cast, prove) -> None:
        client = prove(cast.staff)

        answer = client.post(DELETE, {"typed_address": cast.staff.email}, follow=True)

        assert "belong to the vendor" in answer.content.decode()
        assert exists(cast.staff)

    def test_whoever_was_deleted_signs_up_again_as_somebody_new(self, cast, prove) -> None:
        delete(prove(cast.viewer), cast.viewer)
        again = User.objects.create_user(cast.viewer.email, cast.password)

        assert again.pk != cast.viewer.pk
        with tenant_scope(cast.tenant.pk):
            assert not Member.objects.filter(user__email=cast.viewer.email).exists()
            assert Member.objects.filter(role=Role.OWNER).get().user == cast.owner
