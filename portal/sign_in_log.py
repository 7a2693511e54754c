"""A log line and a count for each decision about who somebody is: who, from where, and never what proves it.

What was typed as an address is not written: it may be a password, or somebody else's. A short mark of it is, the same
in each line about one account, so that refusals can be joined with each other and with the sign-in that follows.
"""

import logging
from typing import Any

from allauth.mfa import signals as mfa
from django.contrib.auth import signals as auth
from django.dispatch import receiver
from django.utils.crypto import salted_hmac
from prometheus_client import Counter

from tenants.models import User
from tenants.request_id import client_address

logger = logging.getLogger(__name__)
SIGN_INS = Counter("rolebridge_sign_ins_total", "Sign-ins, by what became of them", ["result"])


def _mark(email: str) -> str:
    return salted_hmac("rolebridge.sign_in_log", email.lower(), algorithm="sha256").hexdigest()[:12]


@receiver(auth.user_logged_in)
def signed_in(user: User, **_: Any) -> None:
    """Somebody is signed in, by whichever way."""
    SIGN_INS.labels("ok").inc()
    logger.info("Signed in: user %s, account %s from %s", user.pk, _mark(user.email), client_address.get())


@receiver(auth.user_logged_out)
def signed_out(user: User | None, **_: Any) -> None:
    """Somebody has signed out, or was."""
    if user is not None:
        logger.info("Signed out: user %s from %s", user.pk, client_address.get())


@receiver(auth.user_login_failed)
def refused(credentials: dict[str, Any], **_: Any) -> None:
    """A password was wrong, at sign-in or where it is asked for once more; or nobody has the address."""
    SIGN_INS.labels("wrong_password").inc()
    mark = _mark(str(credentials.get("email", "")))
    logger.warning("Sign-in refused: wrong password, account %s from %s", mark, client_address.get())


def not_looked_at(email: str) -> None:
    """A password was not even looked at: too many were wrong before it."""
    SIGN_INS.labels("too_many").inc()
    logger.warning("Sign-in refused: too many wrong passwords, account %s from %s", _mark(email), client_address.get())


@receiver(mfa.authentication_failed)
def code_refused(user: User, **_: Any) -> None:
    """A code of a second factor was wrong, after a password that was right."""
    SIGN_INS.labels("wrong_code").inc()
    logger.warning(
        "Sign-in refused: wrong code, user %s, account %s from %s", user.pk, _mark(user.email), client_address.get()
    )
