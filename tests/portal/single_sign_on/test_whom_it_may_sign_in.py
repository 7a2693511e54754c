"""Whom a provider may sign in: members of its own organisation, by addresses of its own domains."""

from urllib.parse import urlsplit

import pytest
from django.test import Client

from portal.single_sign_on import callback_address
from tenants.models import Member, User
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tests.oidc_provider import oidc_provider
from tests.portal.single_sign_on.visits import begin, configure, is_signed_in, last_event, sign_in_by, verify_domain


class TestWhomItMaySignIn:
    @pytest.mark.parametrize(
        ("email", "claims", "reason"),
        [
            ("nobody@example.com", {}, "no_member"),
            ("stranger@example.net", {}, "domain_not_verified"),
            ("viewer@sub.example.com", {}, "domain_not_verified"),
            ("viewer@example.com", {"email_verified": False}, "email_not_verified"),
            ("viewer@example.com", {"email_verified": None}, "email_not_verified"),
            ("viewer@example.com", {"email_verified": "true"}, "email_not_verified"),
            ("viewer@example.com", {"email": ["viewer@example.com"]}, "domain_not_verified"),
            ("", {"email": ""}, "domain_not_verified"),
            ("@example.com", {}, "domain_not_verified"),
        ],
    )
    def test_a_person_who_is_not_let_in_is_told_nothing_and_the_audit_log_says_why(
        self, cast, ready, email, claims, reason
    ) -> None:
        ready.claims = claims

        client, answer = sign_in_by(ready, cast.tenant, email)

        assert answer.status_code == 403
        assert not is_signed_in(client)
        event = last_event(cast.tenant)
        assert (event.action, event.data["reason"]) == ("system:identity_provider:refused", reason)

    def test_microsofts_own_claim_for_a_verified_address_counts(self, cast, ready) -> None:
        ready.claims = {"email_verified": None, "xms_edov": True}

        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")

        assert is_signed_in(client)

    def test_somebody_who_is_not_active(self, cast, ready) -> None:
        User.objects.filter(pk=cast.viewer.pk).update(is_active=False)

        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")

        assert not is_signed_in(client)

    def test_support_staff_never(self, cast, ready) -> None:
        """Not even where they are members and the domain is verified."""
        verify_domain(cast.tenant, "vendor.example")
        with tenant_scope(cast.tenant.pk):
            Member.objects.create(tenant=cast.tenant, user=cast.staff, role=Role.OWNER)

        client, answer = sign_in_by(ready, cast.tenant, cast.staff.email)

        assert answer.status_code == 403
        assert not is_signed_in(client)
        assert last_event(cast.tenant).data["reason"] == "support_staff"

    def test_one_tenants_provider_cannot_assert_another_tenants_owner(self, cast, ready) -> None:
        """The attacker's tenant has its own provider, which asserts whatever it likes."""
        verify_domain(cast.other_tenant, "example.net")
        with oidc_provider() as hostile:
            configure(cast.other_tenant, hostile)

            client, answer = sign_in_by(hostile, cast.other_tenant, "owner@example.com")

        assert answer.status_code == 403
        assert not is_signed_in(client)
        assert last_event(cast.other_tenant).data["reason"] == "domain_not_verified"

    def test_nor_bring_an_answer_of_its_own_to_another_tenants_callback(self, cast, ready) -> None:
        with oidc_provider() as hostile:
            configure(cast.other_tenant, hostile)
            client = Client()
            answered = urlsplit(hostile.sign_in(begin(client, cast.other_tenant), "owner@example.com"))
            path = urlsplit(callback_address(cast.tenant.pk)).path

            answer = client.get(f"{path}?{answered.query}")

        assert answer.status_code == 403
        assert not is_signed_in(client)
        assert all(asked.path != "/token" for asked in ready.server.asked)

    def test_a_person_of_two_tenants_enters_the_one_whose_provider_it_is(self, cast, ready) -> None:
        with tenant_scope(cast.other_tenant.pk):
            Member.objects.create(tenant=cast.other_tenant, user=cast.viewer, role=Role.OWNER)

        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")

        assert client.get(f"/tenants/{cast.tenant.pk}/connections/").status_code == 200
        for page in ("connections", "members", "settings", "settings/single-sign-on", "api-tokens"):
            assert client.get(f"/tenants/{cast.other_tenant.pk}/{page}/").status_code == 404, page
        assert client.get("/")["Location"] == f"/tenants/{cast.tenant.pk}/connections/"
        assert "Red Mill" not in client.get("/organisations/", follow=True).content.decode()
