"""The sign-up form. A module of its own: allauth's forms import `portal.signup` while they load."""

from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from tenants.models import User


class SignupForm(AllauthSignupForm):  # type: ignore[misc]  # allauth has no types
    """Allauth's sign-up, which takes as long for a known address as for a new one."""

    account_already_exists: bool

    def try_save(self, request: HttpRequest) -> Any:
        """Save the user, or tell the owner of a known address. Hashing the password takes most of the time of a
        sign-up, so it is done for a known address too, or the wait would tell who is a customer.
        """
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
            return super().try_save(request)
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:
            # Somebody signed up with this address since it was looked for: it is a known one now.
            if not User.objects.filter(email=self.cleaned_data["email"]).exists():
                raise
            self.account_already_exists = True
            return super().try_save(request)
