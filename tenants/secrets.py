"""Secrets that we hand out and know again (tokens, links), stored as hashes, and those we must read again, sealed."""

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac


def new_secret() -> str:
    """A new secret of 256 random bits, in characters that a link may have."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a secret. It cannot be guessed, so a plain hash is enough, and looking it up by its hash gives
    nothing to time.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def seal(text: str) -> str:
    """The text, encrypted with a key made of SECRET_KEY, for what we must read again: seeds of second factors, secrets
    of identity providers. A copy of the database alone gives nothing away. It is stored in a column `sealed_secret`,
    where `tenants.actions.sealed_values` finds it after a change of SECRET_KEY.
    """
    return _cipher().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text again; also what was sealed with one of SECRET_KEY_FALLBACKS.

    Raises:
        cryptography.fernet.InvalidToken: it was sealed with another key.
    """
    return _cipher().decrypt(sealed.encode()).decode()


def seal_with_present_key(sealed: str) -> str:
    """What was sealed with one of SECRET_KEY_FALLBACKS, sealed with SECRET_KEY; unchanged where it is already.

    Raises:
        cryptography.fernet.InvalidToken: it was sealed with another key.
    """
    try:
        _fernet(settings.SECRET_KEY).decrypt(sealed.encode())
    except InvalidToken:
        return _cipher().rotate(sealed.encode()).decode()
    return sealed


def _cipher() -> MultiFernet:
    return MultiFernet([_fernet(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(key: str) -> Fernet:
    made_of = salted_hmac("rolebridge.seal", "", secret=key, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(made_of))
