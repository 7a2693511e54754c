"""What `make run` starts with: the vendor's roles in the sandbox, two demo tenants, and a staff login."""

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.db import transaction

from integrations.actions.connections import open_tenant
from integrations.aws.customer_stack import SANDBOX_SECRET, NotASandbox, is_sandbox
from integrations.aws.vendor_setup import ensure_vendor_account, iam_client
from integrations.catalogue_file import catalogue
from integrations.demo import DEMO_LOGINS, DemoLogin
from integrations.vendor import vendor_settings
from tenants.audit import SYSTEM
from tenants.models import User


def seed_vendor_account() -> None:
    """Make the vendor's roles in the sandbox, by its account root. Safe to repeat.

    Raises:
        NotASandbox: there is no sandbox; on AWS the vendor's own tools make the roles.
        AwsCallFailed: the sandbox refused.
    """
    vendor = vendor_settings()
    if not is_sandbox(vendor.endpoint_url):
        raise NotASandbox("There is no sandbox here: AWS_ENDPOINT_URL is not an address on this machine.")
    ensure_vendor_account(vendor, catalogue(), iam_client(vendor, vendor.vendor_account_id, SANDBOX_SECRET))


@transaction.atomic
def seed_logins(*, password: str) -> list[DemoLogin]:
    """The demo logins, made where they are missing, all with the same password.

    Raises:
        RuntimeError: this is production.
    """
    if settings.PRODUCTION:
        raise RuntimeError("Demo logins are for trying Rolebridge out; production has none.")
    for login in DEMO_LOGINS:
        if known := User.objects.filter(email=login.email).first():
            _ensure_second_factor(known)
            continue
        if login.organisation:
            user = User.objects.create_user(login.email, password)
            open_tenant(name=login.organisation, owner=user, by=SYSTEM)
        else:
            user = User.objects.create_superuser(login.email, password)
        EmailAddress.objects.create(user=user, email=login.email, verified=True, primary=True)
        _ensure_second_factor(user)
    return list(DEMO_LOGINS)


def _ensure_second_factor(user: User) -> None:
    """Support staff need one; the portal shows its codes at `/_mail/`, where a trial installation shows its mails."""
    if user.is_staff and not is_mfa_enabled(user):
        TOTP.activate(user, generate_totp_secret())
