"""Tokens, keys, codes and states that are not what they should be let nobody in."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from portal.single_sign_on import callback_address
from tenants.models import Tenant
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.portal.single_sign_on.visits import begin, come_back, is_signed_in, sign_in_by


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
