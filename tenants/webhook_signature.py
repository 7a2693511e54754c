"""How deliveries of webhooks are signed: the scheme of Standard Webhooks (standardwebhooks.com), version 1."""

import base64
import hmac
import secrets
from collections.abc import Iterable
from uuid import UUID

_PREFIX = "whsec_"


def new_signing_secret() -> str:
    """A new secret of 256 random bits, in the form that libraries for Standard Webhooks take."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature_headers(event_id: UUID, at: int, body: bytes, signing_secrets: Iterable[str]) -> dict[str, str]:
    """The headers that let a receiver prove who sent the body, when, and for which event.

    Args:
        event_id: the same for every delivery of the event.
        at: the time of this attempt, in seconds since 1970.
        body: the bytes that are sent.
        signing_secrets: each makes a signature of its own; the receiver needs one that it knows.
    """
    signed = f"{event_id}.{at}.".encode() + body
    signatures = [
        base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix(_PREFIX)), signed, "sha256")).decode()
        for secret in signing_secrets
    ]
    return {
        "webhook-id": str(event_id),
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
