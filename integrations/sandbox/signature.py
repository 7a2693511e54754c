"""Verifying AWS Signature Version 4, in the Authorization header or in a presigned query.

Source: AWS documentation, "Create a signed AWS API request" and "Authenticating Requests: Using Query Parameters".
"""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, unquote

from integrations.sandbox.errors import AwsError
from integrations.sandbox.wire import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
LARGEST_SKEW = timedelta(minutes=15)
_AUTHORIZATION = re.compile(
    r"^AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]+)\s*$"
)
_PLAIN_BODY = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Credential:
    """What the request says of its signer, not yet believed."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    moment: str
    token: str | None
    presigned: bool


def read_credential(request: HttpRequest) -> Credential | None:
    """Read who signed; None for an unsigned request. Raises AwsError for a signature that cannot be read."""
    header = request.headers.get("authorization")
    if header is not None:
        found = _AUTHORIZATION.match(header)
        if found is None:
            raise AwsError("IncompleteSignature", "Authorization header is not a Signature Version 4 header.", 400)
        scope, signed, signature = found.groups()
        moment = request.headers.get("x-amz-date", "")
        token = request.headers.get("x-amz-security-token")
        return _credential(scope, signed, signature, moment, token, presigned=False)
    query = request.query
    if query.get("X-Amz-Algorithm") == ALGORITHM:
        return _credential(
            query.get("X-Amz-Credential", ""),
            query.get("X-Amz-SignedHeaders", ""),
            query.get("X-Amz-Signature", ""),
            query.get("X-Amz-Date", ""),
            query.get("X-Amz-Security-Token"),
            presigned=True,
        )
    return None


def _credential(
    scope: str, signed: str, signature: str, moment: str, token: str | None, *, presigned: bool
) -> Credential:
    parts = scope.split("/")
    if len(parts) < 5 or parts[-1] != "aws4_request":
        raise AwsError("IncompleteSignature", "Credential must have exactly 5 slash-delimited elements.", 400)
    return Credential(
        access_key="/".join(parts[:-4]),
        date=parts[-4],
        region=parts[-3].lower(),
        service=parts[-2].lower(),
        signed_headers=tuple(signed.lower().split(";")),
        signature=signature,
        moment=moment,
        token=token,
        presigned=presigned,
    )


def verify(request: HttpRequest, credential: Credential, secret: str) -> None:
    """Check signature, date and body hash against real time, which is what the client signs with.

    Raises AwsError `SignatureDoesNotMatch`, as AWS answers each of these.
    """
    _check_date(request, credential)
    payload = _payload_hash(request, credential)
    if "host" not in credential.signed_headers:
        raise _mismatch("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    canonical = "\n".join(
        (
            request.method,
            _canonical_path(request, credential.service),
            _canonical_query(request, credential),
            "".join(
                f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in credential.signed_headers
            ),
            ";".join(credential.signed_headers),
            payload,
        )
    )
    scope = f"{credential.date}/{credential.region}/{credential.service}/aws4_request"
    text = f"{ALGORITHM}\n{credential.moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(secret, credential.date, credential.region, credential.service)
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, credential.signature):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )


def _mismatch(message: str) -> AwsError:
    return AwsError("SignatureDoesNotMatch", message, 403)


@lru_cache(maxsize=4096)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _check_date(request: HttpRequest, credential: Credential) -> None:
    try:
        signed_at = datetime.strptime(credential.moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise AwsError("IncompleteSignature", "Date must be in ISO-8601 'basic format'.", 400) from error
    if not credential.moment.startswith(credential.date):
        raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    age = datetime.fromtimestamp(time.time(), UTC) - signed_at
    lifetime = LARGEST_SKEW
    if credential.presigned:
        try:
            lifetime = timedelta(seconds=int(request.query.get("X-Amz-Expires", "900")))
        except (ValueError, OverflowError) as error:
            raise AwsError("AuthorizationQueryParametersError", "X-Amz-Expires should be a number", 400) from error
        if age > lifetime:
            raise AwsError("AccessDenied", "Request has expired", 403)
    if age > lifetime or -age > LARGEST_SKEW:
        raise _mismatch(f"Signature expired: {credential.moment} is more than 15 min away from the current time.")


def _payload_hash(request: HttpRequest, credential: Credential) -> str:
    if credential.presigned and credential.service == "s3":
        return "UNSIGNED-PAYLOAD"
    declared = request.headers.get("x-amz-content-sha256")
    if declared is not None and not _PLAIN_BODY.match(declared):
        # UNSIGNED-PAYLOAD and STREAMING-...: the header itself is signed, the chunks carry checksums of their own.
        return declared
    actual = hashlib.sha256(request.body).hexdigest()
    if declared is not None and declared != actual:
        code = "XAmzContentSHA256Mismatch" if credential.service == "s3" else "SignatureDoesNotMatch"
        raise AwsError(code, "The provided 'x-amz-content-sha256' header does not match what was computed.", 400)
    return actual


def _canonical_path(request: HttpRequest, service: str) -> str:
    path = request.raw_path
    if service == "s3":
        return quote(unquote(path), safe="/~") if path else "/"
    return quote(path, safe="/~") or "/"


def _canonical_query(request: HttpRequest, credential: Credential) -> str:
    pairs = []
    for piece in request.raw_query.split("&"):
        if not piece:
            continue
        name, _, value = piece.partition("=")
        name, value = unquote(name.replace("+", " ")), unquote(value.replace("+", " "))
        if credential.presigned and name == "X-Amz-Signature":
            continue
        pairs.append((quote(name, safe="~"), quote(value, safe="~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
