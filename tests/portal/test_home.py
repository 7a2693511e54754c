"""The landing page, the way home, sign-up, the mailbox, errors."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives, get_connection
from django.test import Client

from integrations.models import Connection
from tenants.actions.tenants import create_tenant
from tenants.audit import SYSTEM
from tenants.models import Tenant, User
from tenants.scope import call, tenant_scope

SIGN_UP = {"organisation": "Green Valley", "password1": "a long and rather quiet password"}


class TestHome:
    def test_tells_a_visitor_what_it_is(self, client, db) -> None:
        page = client.get("/").content.decode()

        assert "without access keys" in page
        assert "Northwind Insights" in page
        assert "Compute analysis" in page
        assert 'href="/accounts/signup/"' in page

    def test_leads_a_member_to_the_connections(self, cast, sign_in) -> None:
        assert sign_in(cast.viewer).get("/")["Location"] == f"/tenants/{cast.tenant.pk}/connections/"

    def test_lets_a_member_of_several_organisations_choose(self, cast, sign_in) -> None:
        create_tenant(name="Second Harbour", owner=cast.owner, by=SYSTEM)

        answer = sign_in(cast.owner).get("/", follow=True)

        page = answer.content.decode()
        assert answer.redirect_chain == [("/organisations/", 302)]
        assert "Blue Harbour" in page
        assert "Second Harbour" in page
        assert "Red Mill" not in page

    def test_leads_staff_without_an_organisation_to_admin(self, cast, sign_in) -> None:
        assert sign_in(cast.staff).get("/")["Location"] == "/admin/"

    def test_tells_a_user_without_an_organisation_what_to_do(self, db, sign_in) -> None:
        lonely = User.objects.create_user("lonely@example.com", "a long and rather quiet password")

        assert "You belong to no organisation yet" in sign_in(lonely).get("/", follow=True).content.decode()


class TestSignUp:
    def test_gives_a_tenant_with_a_connection_that_has_its_external_id(self, client, db) -> None:
        answer = client.post("/accounts/signup/", SIGN_UP | {"email": "New@Example.com"}, follow=True)
        code = re.search(r"^ +([A-Z0-9-]{6,})$", str(mail.outbox[0].body), re.MULTILINE)
        message = mail.outbox[0]
        assert isinstance(message, EmailMultiAlternatives)
        ((html, kind),) = message.alternatives
        done = client.post(answer.redirect_chain[-1][0], {"code": code[1]}, follow=True)

        assert kind == "text/html"
        assert code[1] in str(html)
        user = User.objects.get(email="new@example.com")
        ((tenant_id,),) = call("tenants_of_user", user.pk)
        with tenant_scope(tenant_id):
            assert Tenant.objects.get().name == "Green Valley"
            assert Connection.objects.get().external_id.startswith("rb-")
        assert done.redirect_chain[-1][0] == f"/tenants/{tenant_id}/connections/"

    def test_answers_a_known_address_as_it_answers_a_new_one(self, cast) -> None:
        pages = [
            Client().post("/accounts/signup/", SIGN_UP | {"email": email}, follow=True)
            for email in ("owner@example.com", "nobody@example.com")
        ]

        assert pages[0].redirect_chain == pages[1].redirect_chain == [("/accounts/confirm-email/", 302)]
        texts = [
            re.sub(r'value="[A-Za-z0-9]{64}"|(owner|nobody)@example.com', "", page.content.decode()) for page in pages
        ]
        assert texts[0] == texts[1]
        assert [message.subject for message in mail.outbox] == ["You are signed up already", "Your code"]
        assert "signed up already" in mail.outbox[0].body
        assert "Type it into the page on which you signed up" in mail.outbox[1].body
        assert len(call("tenants_of_user", cast.owner.pk)) == 1

    def test_loses_nothing_on_an_error(self, client, db) -> None:
        page = client.post("/accounts/signup/", SIGN_UP | {"email": "nobody", "password1": "short"}).content.decode()

        assert 'value="Green Valley"' in page
        assert 'value="nobody"' in page
        assert "Enter a valid email address." in page
        assert not User.objects.exists()


class TestMailbox:
    def test_shows_the_newest_mail_first(self, client, db, settings, tmp_path) -> None:
        settings.EMAIL_FILE_PATH = tmp_path
        for number in (1, 2):
            connection = get_connection("django.core.mail.backends.filebased.EmailBackend", file_path=tmp_path)
            message = mail.EmailMessage(f"Mail {number}", "It says <b>this</b>.", to=["a@example.com"])
            message.extra_headers["Date"] = f"Mon, 23 Nov 2026 10:00:0{number} -0000"
            connection.send_messages([message])
            connection.close()

        page = client.get("/_mail/").content.decode()

        assert page.index("Mail 2") < page.index("Mail 1")
        assert "It says &lt;b&gt;this&lt;/b&gt;." in page

    def test_without_mail_it_says_so(self, client, db, settings, tmp_path) -> None:
        settings.EMAIL_FILE_PATH = tmp_path / "none yet"

        assert "No mail yet" in client.get("/_mail/").content.decode()


class TestErrors:
    def test_404_leads_home(self, client, db) -> None:
        answer = client.get("/nothing/here/")

        assert answer.status_code == 404
        assert "There is nothing here" in answer.content.decode()

    def test_sign_in_offers_a_new_password_once(self, client, db) -> None:
        page = client.get("/accounts/login/").content.decode()

        assert page.count('href="/accounts/password/reset/"') == 1

    def test_a_stale_form_is_explained(self, cast) -> None:
        answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {})

        assert answer.status_code == 403
        assert "This form had gone stale" in answer.content.decode()

    def test_too_many_attempts_are_explained(self, cast) -> None:
        client = Client()
        for _ in range(30):
            answer = client.post("/accounts/login/", {"login": "owner@example.com", "password": "wrong"})
            if answer.status_code == 429:
                break

        assert "Too many attempts" in answer.content.decode() or "Too many failed" in answer.content.decode()

    @pytest.mark.parametrize("code", [400, 500])
    def test_the_pages_for_the_worst_case_stand_alone(self, code) -> None:
        template = (Path(django_settings.BASE_DIR) / "templates" / f"{code}.html").read_text()

        assert "extends" not in template
        assert "url" not in re.findall(r"{%\s*(\w+)", template)


class TestEveryPage:
    @pytest.mark.parametrize("address", ["/", "/accounts/login/", "/_components/", "/nothing/"])
    def test_keeps_to_the_content_security_policy(self, client, db, address) -> None:
        answer = client.get(address)

        page = answer.content.decode()
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert " style=" not in page
        assert "<style" not in page
        assert not re.search(r"<script(?![^>]*src=)", page)
        assert not re.search(r"\son[a-z]+=", page)
        assert not re.search(r'(?:src|href)="https?://', page)

    def test_has_a_skip_link_and_one_heading(self, client, db) -> None:
        page = client.get("/").content.decode()

        assert page.index("Skip to the content") < page.index("<header")
        assert len(re.findall(r"<h1", page)) == 1
