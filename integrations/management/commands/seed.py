"""`python manage.py seed`: fill a trial installation. Safe to repeat."""

import os
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.actions.seeding import seed_logins, seed_vendor_account
from integrations.aws.customer_stack import NotASandbox
from integrations.aws.errors import AwsCallFailed


class Command(BaseCommand):
    """Make the vendor's roles in the sandbox, two demo tenants and a staff login."""

    help = "Make the vendor's roles in the sandbox, two demo tenants and a staff login. Safe to repeat."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seed and print the logins."""
        if settings.PRODUCTION:
            raise CommandError("seed fills a trial installation with demo logins; production has none.")
        try:
            seed_vendor_account()
        except (NotASandbox, AwsCallFailed) as error:
            raise CommandError(f"The vendor's account could not be set up in the sandbox: {error}") from error
        password = os.environ.get("DEMO_PASSWORD") or secrets.token_urlsafe(12)
        for login in seed_logins(password=password):
            self.stdout.write(f"{login.email}  ({login.organisation or 'support staff, /admin/'})")
