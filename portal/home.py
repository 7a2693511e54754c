"""The portal's own pages: the landing page, the way to one's organisations, and two for trial installations."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_string, policy
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import UUID

from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from integrations.catalogue_file import catalogue
from integrations.demo import DEMO_LOGINS
from tenants.access import public, signed_in
from tenants.models import Tenant
from tenants.provider_session import provider_session
from tenants.scope import call, tenant_scope
from tenants.secrets import unseal

MAILS_SHOWN = 20
_BETWEEN_MAILS = "-" * 79  # what Django's file backend writes after each mail


@public
def home(request: HttpRequest) -> HttpResponse:
    """What this is, for visitors; for everybody else the way to their work."""
    if not request.user.is_authenticated:
        return render(request, "portal/landing.html", {"components": catalogue().components})
    session = provider_session(request)
    if session is not None:  # it enters one organisation, whatever others the user has
        return redirect("connections", tenant_id=session.tenant_id)
    tenant_ids = _tenants_of(request.user.pk)
    if len(tenant_ids) == 1:
        return redirect("connections", tenant_id=tenant_ids[0])
    if not tenant_ids and request.user.is_staff:
        return redirect("admin:index")
    return redirect("organisations")


@signed_in
def organisations(request: HttpRequest) -> HttpResponse:
    """The organisations that the user is a member of."""
    found = []
    for tenant_id in _tenants_of(request.user.pk):
        with tenant_scope(tenant_id):
            found.append(Tenant.objects.get(pk=tenant_id))
    return render(request, "portal/organisations.html", {"organisations": found})


def _tenants_of(user_id: UUID | None) -> list[UUID]:
    return [tenant_id for (tenant_id,) in call("tenants_of_user", user_id)]


# --- Trial installations only (portal/urls.py leaves these out in production) -----------------------------------------


@dataclass(frozen=True)
class Mail:
    """A mail that this installation would have sent."""

    to: str
    subject: str
    at: datetime
    text: str


@public
def mailbox(request: HttpRequest) -> HttpResponse:
    """The mails this installation sent, newest first: it writes them into a folder instead."""
    files = sorted(Path(settings.EMAIL_FILE_PATH).glob("*.log"), reverse=True)[:MAILS_SHOWN]
    mails = [mail for file in files for mail in _mails_in(file)]
    mails.sort(key=lambda mail: mail.at, reverse=True)
    return render(request, "portal/mailbox.html", {"mails": mails[:MAILS_SHOWN], "codes": _demo_codes()})


def _demo_codes() -> list[tuple[str, str]]:
    """The second factors of the demo logins, as an authenticator app would show them now."""
    emails = [login.email for login in DEMO_LOGINS]
    rows = Authenticator.objects.select_related("user").filter(type="totp", user__email__in=emails)
    counter = int(time.time()) // mfa_settings.TOTP_PERIOD
    return [(row.user.email, format_hotp_value(hotp_value(unseal(row.data["secret"]), counter))) for row in rows]


def _mails_in(file: Path) -> list[Mail]:
    texts = file.read_text(encoding="utf-8", errors="replace").split(_BETWEEN_MAILS)
    return [_mail(text.lstrip()) for text in texts if text.strip()]


def _mail(text: str) -> Mail:
    message = message_from_string(text, policy=policy.default)
    body = message.get_body(("plain",))
    return Mail(
        to=str(message["To"]),
        subject=str(message["Subject"]),
        at=parsedate_to_datetime(str(message["Date"])).replace(tzinfo=UTC),  # Django writes them in UTC, as -0000
        text=body.get_content().strip() if body else "",
    )
