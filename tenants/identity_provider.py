"""What we ask of a tenant's OpenID Connect provider, and what we believe of its answers.

Every call goes through `tenants.outbound`. An ID token is believed only if all of it holds: a signature by a key that
the issuer publishes, with an asymmetric algorithm; the issuer; us as its audience; the nonce of the sign-in that this
browser began; and its time. OpenID Connect Core 3.1.3.7, without the leave it gives to skip the signature.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
from django.utils.translation import gettext as _

from tenants.outbound import Answer, OutboundError, check_url, exchange

DEADLINE_SECONDS = 8.0
MOST_BYTES = 256 * 1024
LEEWAY_SECONDS = 60
# Never HS*, whose key would be the client secret or, by confusion, a public key; never none.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class ProviderError(Exception):
    """The provider cannot be used, or what it says is not believed; the message says why, for whoever set it up."""


@dataclass(frozen=True)
class Discovery:
    """What a provider publishes about itself, as far as we use it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str  # empty where there is none
    token_endpoint_auth_methods: tuple[str, ...]

    @property
    def authorization_origin(self) -> str:
        """Scheme and host of the page on which people sign in."""
        parts = urlsplit(self.authorization_endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def call(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """One call to a provider, whose answer is whole.

    Raises:
        ProviderError: there was none.
    """
    try:
        answer = exchange(
            method, url, headers=headers, body=body, deadline_seconds=DEADLINE_SECONDS, most_bytes=MOST_BYTES
        )
    except OutboundError as error:
        raise ProviderError(f"{urlsplit(url).netloc}: {_(str(error))}") from error
    if 300 <= answer.status < 400:
        raise ProviderError(
            _("%(host)s answers with a redirect, which we do not follow.") % {"host": urlsplit(url).netloc}
        )
    if answer.is_cut:
        raise ProviderError(_("%(host)s answers with more than we read.") % {"host": urlsplit(url).netloc})
    return answer


def discover(issuer: str) -> Discovery:
    """What the issuer publishes at its well-known address.

    Raises:
        ProviderError: it cannot be read, is of another issuer, or names an address that we do not call.
    """
    document = _json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if document.get("issuer") != issuer:
        named = str(document.get("issuer"))[:200]
        raise ProviderError(
            _("The provider calls itself %(name)r. Give that as the issuer, exactly.") % {"name": named}
        )
    methods = document.get("token_endpoint_auth_methods_supported")
    return Discovery(
        issuer=issuer,
        authorization_endpoint=_address(document, "authorization_endpoint"),
        token_endpoint=_address(document, "token_endpoint"),
        jwks_uri=_address(document, "jwks_uri"),
        userinfo_endpoint=_address(document, "userinfo_endpoint") if document.get("userinfo_endpoint") else "",
        token_endpoint_auth_methods=tuple(map(str, methods)) if isinstance(methods, list) else (),
    )


def verified_claims(id_token: str, *, discovery: Discovery, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token, all of it checked.

    Raises:
        ProviderError: it is not believed.
    """
    try:
        header = jwt.get_unverified_header(id_token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise ProviderError(f"The ID token is signed with {algorithm!r}, which we do not take.")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key=_key(discovery.jwks_uri, header.get("kid"), algorithm),
            algorithms=[algorithm],
            issuer=discovery.issuer,
            audience=client_id,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "aud", "exp", "iat", "sub", "nonce"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, LookupError) as error:  # a key or a header of an odd shape, too
        raise ProviderError(f"The ID token is not valid: {error}.") from error
    if not hmac.compare_digest(str(claims["nonce"]).encode(errors="replace"), nonce.encode()):
        raise ProviderError("The ID token belongs to another sign-in.")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise ProviderError("The ID token was made for another program.")
    return claims


def user_info(discovery: Discovery, access_token: str, subject: str) -> dict[str, Any]:
    """The claims of the user info endpoint, of the same subject as the ID token.

    Raises:
        ProviderError: they cannot be read, or are of somebody else.
    """
    claims = _json(discovery.userinfo_endpoint, {"Authorization": f"Bearer {access_token}"})
    if claims.get("sub") != subject:
        raise ProviderError("The user info is of somebody else than the ID token.")
    return claims


def _key(jwks_uri: str, kid: object, algorithm: str) -> jwt.PyJWK:
    keys = _json(jwks_uri).get("keys")
    for key in keys if isinstance(keys, list) else []:
        if (
            isinstance(key, dict)
            and (kid is None or key.get("kid") == kid)
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and key.get("kty") != "oct"
        ):
            return jwt.PyJWK(key, algorithm)
    raise ProviderError("The ID token is signed with a key that the provider does not publish.")


def _json(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    answer = call("GET", url, {"Accept": "application/json", **(headers or {})})
    host = urlsplit(url).netloc
    if answer.status != 200:
        raise ProviderError(_("%(host)s answers with the status %(status)s.") % {"host": host, "status": answer.status})
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ProviderError(_("%(host)s answers with no JSON.") % {"host": host}) from None
    if not isinstance(document, dict):
        raise ProviderError(_("%(host)s answers with no JSON object.") % {"host": host})
    return document


def _address(document: dict[str, Any], name: str) -> str:
    url = str(document.get(name) or "")
    try:
        check_url(url)
    except OutboundError as refusal:
        raise ProviderError(
            _("The provider's %(name)s is one that we do not use. %(reason)s")
            % {"name": name, "reason": _(str(refusal))}
        ) from refusal
    return url
