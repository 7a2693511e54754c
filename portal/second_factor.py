"""The second factor: allauth's, with its secrets sealed, and never taken off by support staff themselves.

Whoever had somebody's password before may have a session that is older than the second factor. It ends when the factor
is set up, and in no session is the password alone enough to change how somebody signs in who has a second factor.
"""

from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from allauth.account.views import password_change, reauthenticate
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.internal.flows.sessions import end_other_sessions
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from integrations.catalogue_file import catalogue
from portal.known_browser import remember_browser
from tenants.access import has_shown_second_factor
from tenants.models import User
from tenants.secrets import seal, unseal


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """What we ask of allauth.mfa beyond its settings."""

    def get_totp_issuer(self) -> str:
        """What an authenticator app shows beside the address."""
        return catalogue().product_name

    def encrypt(self, text: str) -> str:
        """A copy of the database must not be enough to make codes."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The text again."""
        return unseal(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Support staff always have one."""
        return not authenticator.user.is_staff


def _second_factor_instead(request: HttpRequest) -> HttpResponse | None:
    """Where whoever has a second factor shows it, if that was not yet done in this session."""
    if request.user.is_authenticated and is_mfa_enabled(request.user) and not has_shown_second_factor(request):
        return redirect(f"{reverse('mfa_reauthenticate')}?{request.GET.urlencode()}")
    return None


def prove_it_first(request: HttpRequest, page: str) -> HttpResponse | None:
    """Where whoever is signed in proves once more who they are, and comes from there to `page`; None where they did so
    just now, and have shown the second factor if they have one.
    """
    back = urlencode({"next": page})
    if is_mfa_enabled(request.user) and not has_shown_second_factor(request):
        return redirect(f"{reverse('mfa_reauthenticate')}?{back}")
    if not did_recently_reauthenticate(request):
        return redirect(f"{reverse('account_reauthenticate')}?{back}")
    return None


def reauthenticate_by_password(request: HttpRequest) -> HttpResponse:
    """allauth's page that asks for the password once more."""
    answer: HttpResponse = _second_factor_instead(request) or reauthenticate(request)
    return answer


def change_password(request: HttpRequest) -> HttpResponse:
    """allauth's page where whoever knows the password chooses another one; the browser stays one that is known."""
    before = request.user.password if request.user.is_authenticated else ""
    answer: HttpResponse = _second_factor_instead(request) or password_change(request)
    if request.user.is_authenticated and request.user.password != before:
        remember_browser(answer, request.user)
    return answer


@receiver(authenticator_added)
def end_sessions_that_are_older(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """A second factor was set up, for which a code of it was typed: the other sessions have shown none."""
    if authenticator.type == Authenticator.Type.TOTP:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
        end_other_sessions(request, user)
