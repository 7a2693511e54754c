"""What a session by a provider reaches and when it is over, and the duty to sign in by it."""

from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from tenants.actions.invitations import invite
from tenants.actions.single_sign_on import remove_domain, remove_provider
from tenants.audit import SYSTEM
from tenants.models import Member, Tenant, TenantDomain
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tests.oidc_provider import oidc_provider
from tests.portal.single_sign_on.visits import configure, is_signed_in, sign_in_by


class TestHowFarTheSessionGoes:
    @pytest.mark.parametrize(
        "page",
        [
            "password/change/", "email/", "reauthenticate/", "sessions/", "second-factor/", "second-factor/app/",
            "second-factor/app/remove/", "second-factor/recovery-codes/", "second-factor/recovery-codes/new/",
            "second-factor/recovery-codes/download/", "second-factor/reauthenticate/",
            "your-data/", "your-data/export/", "your-data/delete/", "your-data/delete/confirm/",
        ],
    )  # fmt: skip
    def test_it_reaches_no_page_of_the_persons_account(self, cast, ready, page) -> None:
        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")

        for answer in (client.get(f"/accounts/{page}"), client.post(f"/accounts/{page}", {})):
            assert (answer.status_code, answer["Location"]) == (302, "/"), answer

    def test_it_joins_no_other_organisation(self, cast, ready) -> None:
        EmailAddress.objects.create(user=cast.viewer, email=cast.viewer.email, verified=True, primary=True)
        mail.outbox.clear()
        with tenant_scope(cast.other_tenant.pk):
            stranger = Member.objects.get(user=cast.stranger)
            invite(tenant=cast.other_tenant, email=cast.viewer.email, role=Role.OWNER, acting=stranger, by=SYSTEM)
        link = next(word for word in mail.outbox[0].body.split() if "/invitations/" in word)
        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")

        client.get(urlsplit(link).path)

        assert client.post("/invitation/").status_code == 404
        with tenant_scope(cast.other_tenant.pk):
            assert not Member.objects.filter(user=cast.viewer).exists()

    @pytest.mark.parametrize("who", ["owner", "viewer"])
    def test_it_takes_the_place_of_whatever_session_was_there(self, cast, ready, sign_in, who) -> None:
        """Also of one of the same person, which is not narrowed but ended."""
        person = getattr(cast, who)
        client = sign_in(person)
        old = client.cookies["sessionid"].value
        session = client.session
        session["kept"] = "of the session before"
        session.save()

        sign_in_by(ready, cast.tenant, "viewer@example.com", client)

        assert client.cookies["sessionid"].value != old
        assert "kept" not in client.session
        assert "known-browser" not in client.cookies, "a provider does not vouch for the person's own account"
        assert client.get("/accounts/password/change/")["Location"] == "/"
        assert client.session["_auth_user_id"] == str(cast.viewer.pk)

    def test_it_needs_no_second_factor_of_ours(self, cast, ready, sign_in) -> None:
        with tenant_scope(cast.tenant.pk):
            Tenant.objects.update(require_second_factor=True)

        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")

        page = f"/tenants/{cast.tenant.pk}/connections/"
        assert client.get(page).status_code == 200
        assert sign_in(cast.viewer).get(page)["Location"] == "/accounts/second-factor/app/"

    @pytest.mark.parametrize("change", ["switched off", "removed", "another issuer", "domain removed", "left"])
    def test_it_is_over_when_what_it_rests_on_ends(self, cast, ready, change) -> None:
        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")
        page = f"/tenants/{cast.tenant.pk}/connections/"
        assert client.get(page).status_code == 200

        with tenant_scope(cast.tenant.pk):
            match change:
                case "switched off":
                    configure(cast.tenant, ready, enabled=False)
                case "removed":
                    remove_provider(tenant=cast.tenant, by=SYSTEM)
                case "another issuer":
                    with oidc_provider() as other:
                        configure(cast.tenant, other)
                case "domain removed":
                    remove_domain(tenant=cast.tenant, domain_id=TenantDomain.objects.get().pk, by=SYSTEM)
                case "left":
                    Member.objects.filter(user=cast.viewer).delete()

        assert client.get(page).status_code in {302, 404}
        if change != "left":
            assert not is_signed_in(client)


class TestRequired:
    def test_members_must_sign_in_by_it_and_owners_keep_a_way_in(self, cast, ready, sign_in) -> None:
        configure(cast.tenant, ready, required=True)
        page = f"/tenants/{cast.tenant.pk}/connections/"

        for member in (cast.admin, cast.viewer):
            answer = sign_in(member).get(page)
            assert answer["Location"] == f"/accounts/single-sign-on/{cast.tenant.pk}/"
        assert sign_in(cast.owner).get(page).status_code == 200
        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")
        assert client.get(page).status_code == 200

    def test_it_ends_with_the_provider(self, cast, ready, sign_in) -> None:
        configure(cast.tenant, ready, required=True)

        with tenant_scope(cast.tenant.pk):
            remove_provider(tenant=cast.tenant, by=SYSTEM)

        assert sign_in(cast.viewer).get(f"/tenants/{cast.tenant.pk}/connections/").status_code == 200
