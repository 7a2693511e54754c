"""Signing in by an organisation's provider: what it takes, what breaks it, and how far such a session goes."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Semaphore, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone

from portal import single_sign_on
from portal.single_sign_on import callback_address, kept_discovery
from tenants.actions.invitations import invite
from tenants.actions.single_sign_on import add_domain, configure_provider, remove_domain, remove_provider
from tenants.audit import SYSTEM
from tenants.models import AuditEvent, IdentityProvider, Member, Tenant, TenantDomain, User
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, oidc_provider


@pytest.fixture
def provider():
    with oidc_provider() as running:
        yield running


def configure(tenant: Tenant, provider: Provider, **changes) -> IdentityProvider:
    wanted: dict[str, Any] = {
        "enabled": True,
        "required": False,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    with tenant_scope(tenant.pk):
        return configure_provider(tenant=tenant, issuer=provider.issuer, by=SYSTEM, **(wanted | changes))


def verify_domain(tenant: Tenant, domain: str) -> None:
    with tenant_scope(tenant.pk):
        added = add_domain(tenant=tenant, domain=domain, mailbox=TenantDomain.Mailbox.POSTMASTER, by=SYSTEM)
        TenantDomain.objects.filter(pk=added.pk).update(verified_at=timezone.now())


@pytest.fixture
def ready(cast, provider) -> Provider:
    """A provider of the tenant, whose domain is example.com."""
    verify_domain(cast.tenant, "example.com")
    configure(cast.tenant, provider)
    return provider


def begin(client: Client, tenant: Tenant) -> str:
    """Press the button; gives the address of the authorization endpoint."""
    answer = client.post(f"/accounts/single-sign-on/{tenant.pk}/")
    assert answer.status_code == 302, answer
    return answer["Location"]


def come_back(client: Client, address: str):
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def sign_in_by(provider: Provider, tenant: Tenant, email: str, client: Client | None = None):
    client = client or Client()
    return client, come_back(client, provider.sign_in(begin(client, tenant), email))


@contextmanager
def held(provider: Provider, many: int, visit: Callable[[], int]) -> Iterator[list[int]]:
    """So many visits at once that wait for the provider, which answers when this ends; gives what they came to."""
    answer, arrived, go_on = provider.server.answer, Semaphore(0), Event()
    came_to: list[int] = []

    def slowly(asked: Any, handler: Any) -> None:
        arrived.release()
        go_on.wait(5)
        answer(asked, handler)

    def one() -> None:
        came_to.append(visit())
        connections.close_all()

    provider.server.answer = slowly
    threads = [Thread(target=one) for _ in range(many)]
    try:
        for thread in threads:
            thread.start()
        assert all(arrived.acquire(timeout=5) for _ in threads)
        yield came_to
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
        provider.server.answer = answer


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def last_event(tenant: Tenant) -> AuditEvent:
    with tenant_scope(tenant.pk):
        return AuditEvent.objects.order_by("-at", "-id").first()


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

    def test_a_provider_that_is_away_is_said_so(self, cast, ready) -> None:
        cache.clear()
        ready.discovery = {"issuer": "https://another.example.com"}

        assert Client().get(f"/accounts/single-sign-on/{cast.tenant.pk}/").status_code == 502

    def test_a_provider_that_is_away_is_asked_once_and_the_next_is_told_at_once(self, cast, ready) -> None:
        ready.discovery = {"issuer": "https://another.example.com"}
        page = f"/accounts/single-sign-on/{cast.tenant.pk}/"

        answers = [Client().get(page), Client().get(page), Client().post(page)]

        assert [answer.status_code for answer in answers] == [502] * 3
        assert all("gives no answer that we can use" in answer.content.decode() for answer in answers)
        assert len(ready.server.asked) == 1

    def test_a_slow_provider_holds_no_more_than_two_of_those_who_begin(self, cast, ready) -> None:
        page = f"/accounts/single-sign-on/{cast.tenant.pk}/"
        with held(ready, 2, lambda: Client().get(page).status_code) as waiting:
            refused = Client().get(page)
            asked = len(ready.server.asked)

        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert "load this page again" in refused.content.decode()
        assert asked == 2
        assert waiting == [200, 200]
        assert Client().get(page).status_code == 200

    def test_slow_providers_together_hold_no_more_than_half_of_the_web_servers_threads(self, cast, ready) -> None:
        page = f"/accounts/single-sign-on/{cast.tenant.pk}/"
        with ExitStack() as others:
            for _ in range(4):
                tenant_id = uuid4()
                for _ in range(2):
                    others.enter_context(single_sign_on._place(tenant_id))
            refused = Client().get(page)

        assert refused.status_code == 503
        assert Client().get(page).status_code == 200

    def test_a_slow_provider_holds_no_more_than_two_of_those_who_come_back_and_the_third_tries_again(
        self, cast, ready
    ) -> None:
        browsers = [Client() for _ in range(3)]
        backs = [ready.sign_in(begin(browser, cast.tenant), "viewer@example.com") for browser in browsers]
        coming = iter(zip(browsers[:2], backs[:2], strict=True))

        with held(ready, 2, lambda: come_back(*next(coming)).status_code) as waiting:
            refused = come_back(browsers[2], backs[2])
            elsewhere = Client().get(f"/accounts/single-sign-on/{cast.tenant.pk}/").status_code
        again = come_back(browsers[2], backs[2])

        assert (refused.status_code, elsewhere) == (503, 200), "what is known of the provider needs no place"
        assert waiting == [302, 302]
        assert again["Location"] == f"/tenants/{cast.tenant.pk}/connections/"

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


def with_key(key: Any, algorithm: str, headers: dict | None = None):
    return lambda claims: jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "first"} | (headers or {}))


def unsigned(claims: dict) -> str:
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "first"})


def part(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed_with_the_public_key(provider: Provider):
    """HS256 with the RSA public key as the shared secret: the classic confusion. PyJWT refuses to make one."""
    public = provider.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def sign(claims: dict) -> str:
        text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{part(claims)}"
        made = hmac.new(public, text.encode(), hashlib.sha256).digest()
        return f"{text}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"

    return sign


class TestWhatIsNotBelieved:
    """Each of these breaks one thing of a sign-in that works otherwise."""

    def refused(self, provider: Provider, tenant: Tenant) -> bool:
        client, answer = sign_in_by(provider, tenant, "viewer@example.com")
        return answer.status_code == 403 and not is_signed_in(client)

    def test_nothing_broken_is_not_refused(self, cast, ready) -> None:
        assert not self.refused(ready, cast.tenant)

    @pytest.mark.parametrize(
        "claims",
        [
            pytest.param({"iss": "https://another.example.com"}, id="another issuer"),
            pytest.param({"iss": None}, id="no issuer"),
            pytest.param({"aud": "another client"}, id="another audience"),
            pytest.param({"aud": None}, id="no audience"),
            pytest.param({"aud": [CLIENT_ID, "another client"]}, id="several audiences and no authorised party"),
            pytest.param({"azp": "another client"}, id="another authorised party"),
            pytest.param({"nonce": "another nonce"}, id="another nonce"),
            pytest.param({"nonce": None}, id="no nonce"),
            pytest.param({"exp": int(time.time()) - 3600}, id="expired"),
            pytest.param({"exp": None}, id="no end"),
            pytest.param({"iat": int(time.time()) + 3600}, id="from the future"),
            pytest.param({"sub": None}, id="no subject"),
        ],
    )
    def test_a_claim_that_is_wrong(self, cast, ready, claims) -> None:
        ready.claims = claims

        assert self.refused(ready, cast.tenant)

    @pytest.mark.parametrize("break_it", ["another key", "unknown kid", "none", "client secret", "public key", "cut"])
    def test_a_signature_that_is_wrong(self, cast, ready, break_it) -> None:
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        ready.sign = {
            "another key": with_key(stranger, "RS256"),
            "unknown kid": with_key(ready.key, "RS256", {"kid": "another"}),
            "none": unsigned,
            "client secret": with_key(CLIENT_SECRET.ljust(32), "HS256"),
            "public key": signed_with_the_public_key(ready),
            "cut": lambda claims: ready.signed(claims).rpartition(".")[0] + ".",
        }[break_it]

        assert self.refused(ready, cast.tenant)

    def test_changed_claims_below_a_good_signature(self, cast, ready) -> None:
        def sign(claims: dict) -> str:
            head, _, signature = ready.signed(claims | {"email": "other@example.com"}).split(".")
            return f"{head}.{part(claims)}.{signature}"

        ready.sign = sign

        assert self.refused(ready, cast.tenant)

    @pytest.mark.parametrize(
        "answer",
        [
            {"error": "invalid_grant"},
            {},
            [],
            ["access_token"],
            "text",
            {"access_token": "x"},
            {"access_token": 1, "id_token": 2},
            {"access_token": "x", "id_token": "no.jwt"},
        ],
    )
    def test_an_answer_of_the_token_endpoint_that_is_none(self, cast, ready, answer) -> None:
        ready.token_answer = answer

        assert self.refused(ready, cast.tenant)

    @pytest.mark.parametrize(
        "keys",
        [
            [],
            {"keys": None},
            {"keys": ["x", 5, None]},
            {"keys": [{"kid": "first", "kty": "RSA", "n": 5, "e": "AQAB"}]},
            {"keys": [{"kid": "first", "kty": "RSA", "n": "*", "e": "*"}]},
            {"keys": [{"kid": "first", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
            {"keys": [{"kid": "first", "kty": "oct", "k": "AAAA"}]},
        ],
    )
    def test_keys_that_are_none(self, cast, ready, keys) -> None:
        ready.keys = keys

        assert self.refused(ready, cast.tenant)

    @pytest.mark.parametrize(
        "claims",
        [{"nonce": "\ud800"}, {"nonce": ["x"]}, {"email": "a\x00@example.com"}, {"email": "\ud800@example.com"}],
    )
    def test_text_that_is_none(self, cast, ready, claims) -> None:
        ready.claims = claims

        assert self.refused(ready, cast.tenant)

    def test_a_state_of_another_browser(self, cast, ready) -> None:
        address = ready.sign_in(begin(Client(), cast.tenant), "viewer@example.com")
        other = Client()
        begin(other, cast.tenant)

        assert come_back(other, address).status_code == 403
        assert not is_signed_in(other)

    def test_a_state_that_was_used_already_or_is_none(self, cast, ready) -> None:
        client = Client()
        address = ready.sign_in(begin(client, cast.tenant), "viewer@example.com")
        come_back(client, address)
        client.logout()

        answers = [come_back(client, address), client.get(f"{urlsplit(address).path}?code=code-0"), client.get("/")]

        assert [answer.status_code for answer in answers] == [403, 403, 200]
        assert not is_signed_in(client)

    def test_a_code_that_another_browser_asked_for(self, cast, ready) -> None:
        """The code of one sign-in put into another: the PKCE verifier is not the code's."""
        victim, attacker = Client(), Client()
        stolen = parse_qs(urlsplit(ready.sign_in(begin(attacker, cast.tenant), "owner@example.com")).query)["code"][0]
        own = urlsplit(ready.sign_in(begin(victim, cast.tenant), "viewer@example.com"))
        state = parse_qs(own.query)["state"][0]

        answer = victim.get(f"{own.path}?code={stolen}&state={state}")

        assert answer.status_code == 403
        assert not is_signed_in(victim)

    def test_an_id_token_of_another_sign_in(self, cast, ready) -> None:
        """A token that was made for another browser's nonce is not believed, though all else of it is right."""
        kept: list[str] = []

        def sign(claims: dict) -> str:
            kept.append(ready.signed(claims))
            return kept[0]

        ready.sign = sign
        sign_in_by(ready, cast.tenant, "owner@example.com")

        client, answer = sign_in_by(ready, cast.tenant, "viewer@example.com")

        assert answer.status_code == 403
        assert not is_signed_in(client)

    def test_a_provider_that_says_no(self, cast, ready) -> None:
        client = Client()
        state = parse_qs(urlsplit(begin(client, cast.tenant)).query)["state"][0]

        path = urlsplit(callback_address(cast.tenant.pk)).path
        assert client.get(f"{path}?error=access_denied&state={state}").status_code in {302, 403}
        assert not is_signed_in(client)

    def test_addresses_that_lead_inside_are_not_called(self, cast, ready, settings) -> None:
        client = Client()
        address = ready.sign_in(begin(client, cast.tenant), "viewer@example.com")
        asked = len(ready.server.asked)
        settings.OUTBOUND_MAY_REACH_LOOPBACK = False

        assert come_back(client, address).status_code == 403
        assert len(ready.server.asked) == asked


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
