"""What an authenticator app shows."""

import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # of the support staff in the standing cast


def code_of(secret: str) -> str:
    """The code of this half minute."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
