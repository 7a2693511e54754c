"""The access rule of every URL, our own and those of the libraries: the one source of truth, for middleware and test.

Our own views declare theirs (`tenants.access`, or `access` on an API view). The views of libraries are listed here.
"""

from collections.abc import Callable
from typing import Any

from django.urls import ResolverMatch

LIBRARIES = {
    # allauth: each of these decides for itself what a signed-in and an anonymous visitor sees.
    "account_login": "public",
    "account_logout": "public",
    "account_signup": "public",
    "account_inactive": "public",
    "account_email_verification_sent": "public",
    "account_reset_password": "public",
    "account_reset_password_done": "public",
    "account_reset_password_from_key": "public",
    "account_reset_password_from_key_done": "public",
    "account_change_password": "signed_in",
    "account_email": "signed_in",
    "account_reauthenticate": "signed_in",
    "usersessions_list": "signed_in",
    "mfa_authenticate": "public",
    "mfa_index": "signed_in",
    "mfa_reauthenticate": "signed_in",
    "mfa_activate_totp": "signed_in",
    "mfa_deactivate_totp": "signed_in",
    "mfa_view_recovery_codes": "signed_in",
    "mfa_generate_recovery_codes": "signed_in",
    "mfa_download_recovery_codes": "signed_in",
}


def rule_of(view: Callable[..., Any], match: ResolverMatch) -> str | None:
    """The access rule of a view: `public`, `signed_in`, `member:…`, `token`, `service_token`, `staff`; None where none
    is declared.
    """
    if match.namespaces[:1] == ["admin"]:
        return "staff"
    for candidate in (view, getattr(view, "cls", None), getattr(view, "view_class", None)):
        if rule := getattr(candidate, "access", None):
            return str(rule)
    return LIBRARIES.get(match.view_name)
