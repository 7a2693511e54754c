"""From an address to one's connections, by the provider of the organisation."""

from urllib.parse import parse_qs, urlsplit

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client

from portal.single_sign_on import callback_address, kept_discovery
from tenants.models import User
from tests.portal.single_sign_on.visits import is_signed_in, last_event, sign_in_by


class TestTheWayIn:
    def test_a_member_signs_in_from_their_address_to_their_connections(self, cast, ready) -> None:
        client = Client()
        found = client.post("/accounts/single-sign-on/", {"email": "Viewer@Example.com"})
        page = client.get(found["Location"])

        assert found["Location"] == f"/accounts/single-sign-on/{cast.tenant.pk}/"
        assert f"form-action 'self' {ready.issuer}" in page["Content-Security-Policy"]
        client, answer = sign_in_by(ready, cast.tenant, "viewer@example.com", client)

        assert answer["Location"] == f"/tenants/{cast.tenant.pk}/connections/"
        assert client.get(answer["Location"]).status_code == 200
        event = last_event(cast.tenant)
        assert (event.action, event.actor_name) == ("page:member:signed_in_by_provider", "viewer@example.com")

    def test_the_request_carries_state_nonce_and_a_pkce_challenge_and_nothing_of_the_visitors(
        self, cast, ready
    ) -> None:
        client = Client()

        answer = client.post(f"/accounts/single-sign-on/{cast.tenant.pk}/?auth_params=prompt%3Dnone&scope=admin")

        query = {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}
        assert query.keys() == {
            "client_id", "redirect_uri", "scope", "response_type", "state", "nonce", "code_challenge",
            "code_challenge_method",
        }  # fmt: skip
        assert set(query["scope"].split()) == {"openid", "email"}
        assert query["code_challenge_method"] == "S256"
        assert query["redirect_uri"] == callback_address(cast.tenant.pk)
        assert min(len(query[name]) for name in ("state", "nonce")) >= 16

    def test_no_account_is_made_and_none_is_linked(self, cast, ready) -> None:
        before = User.objects.count()

        sign_in_by(ready, cast.tenant, "viewer@example.com")
        client, answer = sign_in_by(ready, cast.tenant, "nobody@example.com")

        assert answer.status_code == 403
        assert not is_signed_in(client)
        assert (User.objects.count(), SocialAccount.objects.count(), EmailAddress.objects.count()) == (before, 0, 0)

    def test_an_address_that_only_the_user_info_names_counts_for_the_same_subject_alone(self, cast, ready) -> None:
        ready.claims = {"email": None, "email_verified": None}
        about = {"email": "viewer@example.com", "email_verified": True}
        ready.userinfo = about | {"sub": "somebody else"}
        other, refused = sign_in_by(ready, cast.tenant, "viewer@example.com")
        ready.userinfo = about | {"sub": "subject of viewer@example.com"}
        client, _ = sign_in_by(ready, cast.tenant, "viewer@example.com")

        assert refused.status_code == 403
        assert [is_signed_in(other), is_signed_in(client)] == [False, True]

    def test_an_address_of_an_unknown_domain_leads_nowhere(self, cast, ready) -> None:
        for email in ("somebody@example.org", "x@localhost", "x@ex_ample.com"):
            answer = Client().post("/accounts/single-sign-on/", {"email": email})
            assert answer.status_code == 422

    def test_a_known_and_an_unknown_person_of_a_domain_are_answered_alike(self, cast, ready) -> None:
        answers = [
            Client().post("/accounts/single-sign-on/", {"email": email})
            for email in ("viewer@example.com", "nobody@example.com")
        ]

        assert len({(answer.status_code, answer["Location"]) for answer in answers}) == 1

    def test_an_organisation_without_a_provider_and_one_that_is_none_are_the_same(self, cast) -> None:
        for tenant_id in (cast.tenant.pk, "00000000-0000-4000-8000-000000000000"):
            assert Client().get(f"/accounts/single-sign-on/{tenant_id}/").status_code == 404

    def test_neighbours_in_one_ipv6_network_share_what_may_be_asked(self, cast) -> None:
        page = f"/accounts/single-sign-on/{cast.tenant.pk}/"

        answers = [Client(REMOTE_ADDR=f"2001:db8::{number:x}").get(page).status_code for number in range(1, 62)]

        assert answers == [404] * 60 + [429]
        assert Client(REMOTE_ADDR="2001:db8:0:1::1").get(page).status_code == 404

    def test_one_providers_document_in_the_place_of_anothers_is_read_anew(self, cast, ready) -> None:
        there = f"provider:{ready.issuer}"
        kept_discovery(ready.issuer)
        cache.set(there, cache.get(there).replace(ready.issuer, "https://another.example.com"))

        assert kept_discovery(ready.issuer).issuer == ready.issuer

    def test_another_site_cannot_begin_a_sign_in(self, cast, ready) -> None:
        client = Client(enforce_csrf_checks=True)

        assert client.post(f"/accounts/single-sign-on/{cast.tenant.pk}/").status_code == 403
