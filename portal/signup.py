"""Sign-up: what allauth asks beside address and password, and what a new user gets."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.internal import ratelimit
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.actions.connections import open_tenant
from portal import sign_in_log
from portal.known_browser import known_browser, remember_browser
from tenants.audit import Actor
from tenants.forms import NameField
from tenants.mail import in_html_too
from tenants.models import Tenant, User
from tenants.views.invitations import invitation_waits

logger = logging.getLogger(__name__)
_ANYWHERE = {"app": "allauth.account", "action": "login_failed_anywhere"}
_IN_KNOWN_BROWSER = {"app": "allauth.account", "action": "login_failed_in_known_browser"}


def _account_key(credentials: dict[str, Any]) -> str:
    # The address alone: what else a request says of itself, such as its host, whoever guesses may choose.
    return str(credentials.get("email", "")).lower()


class OrganisationForm(forms.Form):
    """Asks for the organisation; allauth puts address and password beside it."""

    organisation = NameField(
        label=gettext_lazy("Organisation"),
        max_length=Tenant._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    field_order = ["organisation", "email", "password1", "terms"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whoever follows an invitation joins that organisation, and founds none.
        if invitation_waits(context.request):
            del self.fields["organisation"]
        if settings.TERMS_URL:
            self.fields["terms"] = forms.BooleanField(
                label=_("I agree to the terms"),
                error_messages={"required": _("To sign up, read the terms and tick this box.")},
            )

    def signup(self, _request: HttpRequest, user: User) -> None:
        """Note which terms the new user agreed to, and give them a tenant with a first connection, which has its
        external ID from here on.
        """
        if "terms" in self.cleaned_data:
            user.terms_agreed_at, user.terms_url = timezone.now(), settings.TERMS_URL
            user.save(update_fields=["terms_agreed_at", "terms_url"])
        if "organisation" in self.cleaned_data:
            open_tenant(name=self.cleaned_data["organisation"], owner=user, by=Actor.user(user))


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """What we ask of allauth beyond its settings."""

    def clean_email(self, email: str) -> str:
        """The address in lower case: one mailbox is one user."""
        return str(super().clean_email(email)).lower()

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failed sign-ins are counted for each person and address together. Counted for the person alone, as allauth
        does, five wrong passwords from anywhere would lock a person out whom the guesser merely knows by name. Against
        a guesser with many addresses all failures of an account are counted too, up to many more; these shut it for
        whoever comes in a browser that it has never signed in with, so that its owner gets in.
        """
        return f"{_account_key(credentials)}:{ratelimit.get_ip(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse where too many passwords were wrong.

        Raises:
            django.core.exceptions.ValidationError: they were.
        """
        try:
            self._refuse_an_account_under_attack(request, credentials)
            super().pre_authenticate(request, **credentials)
        except forms.ValidationError:
            sign_in_log.not_looked_at(_account_key(credentials))
            raise

    def _refuse_an_account_under_attack(self, request: HttpRequest, credentials: dict[str, Any]) -> None:
        account = _account_key(credentials)
        if ratelimit.consume(request, dry_run=True, key=account, **_ANYWHERE):
            return
        browser = known_browser(request, account)
        if browser is None or not ratelimit.consume(request, dry_run=True, key=browser, **_IN_KNOWN_BROWSER):
            raise forms.ValidationError(
                _(
                    "Too many wrong passwords for this account from many places. A new password opens it at once: press"
                    " “Forgot your password?”. Or use a browser you signed in with before, or wait an hour."
                ),
                code="too_many_login_attempts",
            )

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count it for the account, from wherever it came, and for a browser that the account knows."""
        account = _account_key(credentials)
        ratelimit.consume(request, key=account, **_ANYWHERE)
        if browser := known_browser(request, account):
            ratelimit.consume(request, key=browser, **_IN_KNOWN_BROWSER)

    def post_login(self, request: HttpRequest, user: User, **named: Any) -> HttpResponse:
        """Whoever has shown all that was asked of them is let in, and the browser is known. An organisation's provider
        signs its members in past this: it does not speak for the person's account.
        """
        response: HttpResponse = super().post_login(request, user, **named)
        remember_browser(response, user)
        return response

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Whoever has chosen a new password by mail begins with none counted."""
        super()._delete_login_attempts_cached_email(request, **credentials)
        ratelimit.clear(request, key=_account_key(credentials), **_ANYWHERE)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send the mail once no transaction is open. Where the mail server is away, the page says so and stays usable:
        the mail can be asked for again there. It says so for a known and an unknown address alike.
        """
        transaction.on_commit(lambda: self._send_or_say(template_prefix, email, context))

    def render_mail(self, *args: Any, **kwargs: Any) -> EmailMultiAlternatives:
        """The mail as text and as HTML, in the layout of all mails."""
        return in_html_too(super().render_mail(*args, **kwargs))

    def _send_or_say(self, template_prefix: str, email: str, values: dict[str, Any]) -> None:
        try:
            super().send_mail(template_prefix, email, values)
        except OSError:  # smtplib's errors are OSErrors
            logger.exception("The mail %s could not be sent", template_prefix)
            messages.error(
                context.request,
                _("We could not send the mail: our mail server is away. That is our fault. Please try again soon."),
            )

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Customers sign themselves up."""
        return True

    def add_message(self, *_args: Any, **_kwargs: Any) -> None:
        """No toast for signing in or out: the page that follows says it."""
