"""A real OpenID Connect provider on this machine, which signs with a real RSA key and lies as a test wants."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.web_servers import Asked, WebServer, answering, web_server

CLIENT_ID, CLIENT_SECRET = "rolebridge", "a secret of the client"
SHARED_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """A provider that is running. Its fields say what it answers next."""

    server: WebServer
    key: rsa.RSAPrivateKey
    kid: str = "first"
    claims: dict[str, Any] = field(default_factory=dict)  # over the usual ones; None takes one away
    sign: Callable[[dict[str, Any]], str] | None = None
    userinfo: dict[str, Any] | None = None
    discovery: dict[str, Any] = field(default_factory=dict)
    token_answer: Any = None
    keys: Any = None
    signs_in: str = ""  # whoever comes by a browser is this person
    asked_for: dict[str, dict[str, str]] = field(default_factory=dict)  # by code: the authorization request

    @property
    def issuer(self) -> str:
        """Its issuer identifier."""
        return self.server.address

    def sign_in(self, address: str, email: str) -> str:
        """What the browser does at the authorization endpoint; gives where it is sent back to."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        request = {name: values[0] for name, values in parse_qs(parts.query).items()}
        code = f"code-{len(self.asked_for)}"
        self.asked_for[code] = request | {"email": email}
        return f"{request['redirect_uri']}?{urlencode({'code': code, 'state': request['state']})}"

    def answer(self, asked: Asked, handler: Any) -> None:
        """Serve its endpoints."""
        match urlsplit(asked.path).path:
            case "/.well-known/openid-configuration":
                body = {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "userinfo_endpoint": f"{self.issuer}/userinfo",
                    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                } | self.discovery
            case "/keys":
                if self.keys is not None:
                    answering(200, json.dumps(self.keys).encode())(asked, handler)
                    return
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
                body = {"keys": [public | {"kid": self.kid, "use": "sig", "alg": "RS256"}]}
            case "/authorize" if self.signs_in:
                back = self.sign_in(f"{self.issuer}{asked.path}", self.signs_in)
                answering(302, headers={"Location": back})(asked, handler)
                return
            case "/token":
                body = self._token(asked)
            case "/userinfo":
                body = self.userinfo or {}
            case _:
                answering(404)(asked, handler)
                return
        status = 400 if isinstance(body, dict) and "error" in body else 200
        answering(status, json.dumps(body).encode(), {"Content-Type": "application/json"})(asked, handler)

    def _token(self, asked: Asked) -> Any:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        request = self.asked_for.pop(form.get("code", ""), None)
        kind, _, given = asked.headers.get("authorization", "").partition(" ")
        client = tuple(map(unquote, base64.b64decode(given).decode().split(":"))) if kind == "Basic" else ()
        if client != (CLIENT_ID, CLIENT_SECRET):
            return {"error": "invalid_client"}
        if request is None or form["redirect_uri"] != request["redirect_uri"]:
            return {"error": "invalid_grant"}
        hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() != request["code_challenge"]:
            return {"error": "invalid_grant"}
        if self.token_answer is not None:
            return self.token_answer
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": f"subject of {request['email']}",
            "iat": now,
            "exp": now + 300,
            "nonce": request["nonce"],
            "email": request["email"],
            "email_verified": True,
        }
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        return {
            "access_token": "an access token",
            "token_type": "Bearer",
            "id_token": (self.sign or self.signed)(claims),
        }

    def signed(self, claims: dict[str, Any]) -> str:
        """An ID token with these claims."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.kid})


@contextmanager
def oidc_provider() -> Iterator[Provider]:
    """A provider on a free port."""
    with web_server(answering(500)) as server:
        provider = Provider(server, SHARED_KEY)
        server.answer = provider.answer
        yield provider
