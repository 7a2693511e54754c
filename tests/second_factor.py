"""What an authenticator app shows, and what is known of a session in which a code of it was typed."""

import time

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.http import HttpRequest
from django.test import Client

from tenants.models import User

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # of the support staff in the standing cast


def code_of(secret: str) -> str:
    """The code of this half minute."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def show_second_factor(client: Client, user: User) -> None:
    """Leave the client's session as one in which the user typed a code at sign-in."""
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, "mfa", type="totp")
    request.session.save()
