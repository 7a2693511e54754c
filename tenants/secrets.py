"""Secrets that we hand out and know again: tokens, links. Each has 256 random bits and is stored as a hash."""

import hashlib
import secrets


def new_secret() -> str:
    """A new secret, in characters that a link may have."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a secret. It cannot be guessed, so a plain hash is enough, and looking it up by its hash gives
    nothing to time.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
