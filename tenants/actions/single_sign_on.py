"""Single sign-on: a tenant's provider, its domains, and whom the provider may sign in."""

import re
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import audit, limits
from tenants.audit import SYSTEM, Actor
from tenants.identity_provider import DEADLINE_SECONDS, Discovery, discover
from tenants.limits import AllTaken, TooOften
from tenants.mail import send_on_commit
from tenants.models import ApiToken, IdentityProvider, Member, Tenant, TenantDomain, User
from tenants.names import is_readable
from tenants.scope import call, tenant_scope
from tenants.secrets import digest, new_secret, seal

MOST_DOMAINS = 20
MOST_LINKS_A_DAY = 5  # to one domain, for one tenant
MOST_LINKS_A_DAY_TO_A_DOMAIN = 10  # for all tenants together, but for the first of each
LINK_LASTS = timedelta(days=7)
MOST_LOOK_UPS_AN_HOUR = 30
# Whoever set the provider up decides how slowly it answers, and each look at it holds a thread of the web server.
MOST_LOOK_UPS_AT_ONCE = 2
MOST_LOOK_UPS_AT_ONCE_OF_ALL = 8  # whoever signs up many organisations has many providers
LONGEST_LOOK_UP_SECONDS = 2 * int(DEADLINE_SECONDS)
BUSY_RETRY_AFTER_SECONDS = 5
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])")


class DomainRefused(ValueError):
    """The domain cannot be added or confirmed; the message says why."""


class NotPossible(ValueError):
    """The setting would leave members with no way in; the message says why."""


class UnusableDomainLink(Exception):
    """The link confirms nothing."""


class NotAdmitted(Exception):
    """The provider may not sign this person in. `reason` is for the audit log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def look_up_provider(*, tenant: Tenant, issuer: str) -> Discovery:
    """What a provider that is to be set up publishes about itself. No scope is open while it is waited for; each look
    holds a thread of the web server for up to eight seconds, so they are counted, and few are made at once.

    Raises:
        ProviderError: it cannot be used.
        TooOften: it was not asked.
    """
    limits.count(
        "provider_look_ups",
        tenant.pk,
        most=MOST_LOOK_UPS_AN_HOUR,
        seconds=3600,
        message=_("The provider was asked too often in this hour. Try again later."),
    )
    try:
        with (
            limits.one_of("provider_look_up", tenant.pk, most=MOST_LOOK_UPS_AT_ONCE, seconds=LONGEST_LOOK_UP_SECONDS),
            limits.one_of(
                "provider_look_up", "all", most=MOST_LOOK_UPS_AT_ONCE_OF_ALL, seconds=LONGEST_LOOK_UP_SECONDS
            ),
        ):
            return discover(issuer)
    except AllTaken as busy:
        message = "Other providers are being asked at this moment. Try again in some seconds."
        raise TooOften(message, BUSY_RETRY_AFTER_SECONDS) from busy


@transaction.atomic
def configure_provider(
    *,
    tenant: Tenant,
    issuer: str,
    client_id: str,
    client_secret: str,
    enabled: bool,
    required: bool,
    by: Actor,
) -> IdentityProvider:
    """Set the tenant's provider up, or change it. Sessions that it opened before are over if it is another one now, or
    switched off. The caller has read its discovery document (`look_up_provider`). The tenant's scope
    is open.

    Args:
        tenant: whose.
        issuer: its issuer identifier.
        client_id: as what it knows us.
        client_secret: what it gave us; empty keeps the one that is there.
        enabled: whether it signs anybody in.
        required: whether members, but for owners, must sign in by it.
        by: who acts.

    Raises:
        NotPossible: nothing is changed.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    provider = IdentityProvider.objects.filter(tenant=tenant).first()
    if provider is None and not client_secret:
        raise NotPossible(_("Give the client secret."))
    if required and not (enabled and tenant.domains.filter(verified_at__isnull=False).exists()):
        raise NotPossible(_("Members can be made to sign in this way once it is switched on and a domain is verified."))
    provider = provider or IdentityProvider(tenant=tenant)
    before = (provider.issuer, provider.client_id, provider.enabled)
    provider.issuer, provider.client_id, provider.enabled = issuer, client_id, enabled
    if client_secret:
        provider.sealed_secret = seal(client_secret)
    if before != (issuer, client_id, enabled):
        provider.epoch = uuid4()
    provider.save()
    _require(tenant, required=required)
    audit.record(
        "identity_provider:changed",
        by=by,
        tenant_id=tenant.pk,
        target=provider,
        issuer=issuer,
        client_id=client_id,
        enabled=enabled,
        required=required,
        new_secret=bool(client_secret),
    )
    return provider


@transaction.atomic
def remove_provider(*, tenant: Tenant, by: Actor) -> None:
    """Forget the tenant's provider; the sessions that it opened are over. Removing none changes nothing. The tenant's
    scope is open.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    provider = IdentityProvider.objects.filter(tenant=tenant).first()
    if provider is not None:
        _require(tenant, required=False)
        audit.record("identity_provider:removed", by=by, tenant_id=tenant.pk, target=provider, issuer=provider.issuer)
        provider.delete()


@transaction.atomic
def add_domain(*, tenant: Tenant, domain: str, mailbox: TenantDomain.Mailbox, by: Actor) -> TenantDomain:
    """Add a domain, which counts once somebody has opened the link that goes to its postmaster or admin. Adding one
    that is not confirmed yet sends another link. The tenant's scope is open.

    Raises:
        DomainRefused, TooOften: nothing is written.
    """
    domain = clean_domain(domain)
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    known = TenantDomain.objects.filter(tenant=tenant)
    found = known.filter(domain=domain).first()
    if found and found.verified_at:
        raise DomainRefused(_("%(domain)s is verified already.") % {"domain": domain})
    if not found and known.count() >= MOST_DOMAINS:
        raise DomainRefused(_("%(most)s domains are the most. Remove one first.") % {"most": MOST_DOMAINS})
    _count_link(tenant, domain)
    secret = new_secret()
    added = found or TenantDomain(tenant=tenant, domain=domain)
    added.mailbox, added.digest, added.expires_at = mailbox, digest(secret), timezone.now() + LINK_LASTS
    added.requested_by = _address_of(by)
    added.save()
    path = reverse("domain_confirm", args=[secret])
    send_on_commit("domain", f"{mailbox}@{domain}", tenant=tenant, domain=domain, who=added.requested_by, path=path)
    audit.record("domain:added", by=by, tenant_id=tenant.pk, target=added, domain=domain, mailbox=str(mailbox))
    return added


def _count_link(tenant: Tenant, domain: str) -> None:
    """Count one more link to the domain's mailboxes.

    Raises:
        TooOften: too many went out today, for the tenant or to the domain.
    """
    count = partial(
        limits.count,
        "domain_links",
        seconds=24 * 3600,
        message=_("Too many links were sent today. Try again tomorrow."),
    )
    count(tenant.pk, most=MOST_DOMAINS)
    sent = count(f"{tenant.pk}:{domain}", most=MOST_LINKS_A_DAY)
    # Nobody's postmaster is to be pestered through us, whichever tenants ask. But anybody can have a tenant that asks,
    # so what others sent keeps no tenant from its first.
    try:
        count(domain, most=MOST_LINKS_A_DAY_TO_A_DOMAIN)
    except TooOften:
        if sent > 1:
            raise


def _address_of(by: Actor) -> str:
    """The address of whoever acts, or whose token a program acts with."""
    token = ApiToken.objects.select_related("created_by").filter(pk=by.id).first() if by.kind == "token" else None
    return token.created_by.email if token and token.created_by else by.name


@transaction.atomic
def remove_domain(*, tenant: Tenant, domain_id: UUID, by: Actor) -> None:
    """Forget a domain: nobody is signed in with its addresses any more. The tenant's scope is open.

    Raises:
        TenantDomain.DoesNotExist: the tenant has no such domain.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    found = TenantDomain.objects.get(tenant=tenant, pk=domain_id)
    audit.record("domain:removed", by=by, tenant_id=tenant.pk, target=found, domain=found.domain)
    found.delete()
    # Sessions that rest on the domain are over.
    IdentityProvider.objects.filter(tenant=tenant).update(epoch=uuid4())
    if not tenant.domains.filter(verified_at__isnull=False).exists():
        _require(tenant, required=False)


def find_domain(secret: str) -> TenantDomain:
    """The domain that a link confirms, with its tenant.

    Raises:
        UnusableDomainLink: there is none, or the link has ended.
    """
    for domain_id, tenant_id in call("tenant_domain_by_digest", digest(secret)):
        with tenant_scope(tenant_id):
            found = TenantDomain.objects.select_related("tenant").filter(pk=domain_id).first()
            if found is not None and (found.verified_at or found.expires_at > timezone.now()):
                return found
    raise UnusableDomainLink


def confirm_domain(*, secret: str, by: Actor) -> TenantDomain:
    """Confirm the domain of a link. Confirming twice changes nothing.

    Raises:
        UnusableDomainLink: there is none, or the link has ended.
        DomainRefused: the domain is verified for another tenant.
    """
    found = find_domain(secret)
    try:
        with tenant_scope(found.tenant_id):
            domain = TenantDomain.objects.select_for_update().select_related("tenant").get(pk=found.pk)
            if domain.verified_at is None:
                domain.verified_at = timezone.now()
                domain.save(update_fields=["verified_at"])
                audit.record("domain:verified", by=by, tenant_id=domain.tenant_id, target=domain, domain=domain.domain)
    except IntegrityError:
        raise DomainRefused(
            _("%(domain)s is verified for another organisation here. That one must remove it first.")
            % {"domain": found.domain}
        ) from None
    return domain


def provider_of(tenant_id: UUID) -> IdentityProvider | None:
    """The tenant's provider, if it signs anybody in. No scope is open."""
    with tenant_scope(tenant_id):
        return IdentityProvider.objects.filter(tenant_id=tenant_id, enabled=True).first()


def tenant_of_address(email: str) -> UUID | None:
    """The tenant whose provider signs in people of the address's domain, if any. Of the person it says nothing."""
    try:
        domain = clean_domain(email.rpartition("@")[2])
    except DomainRefused:
        return None
    return next((tenant_id for (tenant_id,) in call("single_sign_on_of_domain", domain)), None)


def admit(*, provider: IdentityProvider, claims: dict[str, Any], by: Actor = SYSTEM) -> User:
    """The member whom these claims, all checked, sign in. No scope is open.

    Nobody is made a member and no account is made: the address must be that of a member, asserted by the provider as
    verified, on a domain that this tenant has verified, and not that of support staff.

    Raises:
        NotAdmitted: nobody is signed in; the audit log says why.
    """
    email = str(claims.get("email") or "").lower()
    email = email if is_readable(email) else ""
    with tenant_scope(provider.tenant_id):
        try:
            user = _admitted(provider, claims, email)
        except NotAdmitted as refusal:
            reason, user = refusal.reason, None
        target = user or provider
        if user is None:
            audit.record(
                "identity_provider:refused",
                by=by,
                tenant_id=provider.tenant_id,
                target=target,
                reason=reason,
                email=email[:254],
            )
        else:
            audit.record("member:signed_in_by_provider", by=Actor.user(user), tenant_id=provider.tenant_id, target=user)
    if user is None:
        raise NotAdmitted(reason)
    return user


def _admitted(provider: IdentityProvider, claims: dict[str, Any], email: str) -> User:
    # Microsoft's way to say so is a claim of its own.
    if claims.get("email_verified") is not True and str(claims.get("xms_edov")).lower() not in {"true", "1"}:
        raise NotAdmitted("email_not_verified")
    local, _, domain = email.rpartition("@")
    verified = TenantDomain.objects.filter(tenant_id=provider.tenant_id, domain=domain, verified_at__isnull=False)
    if not local or not verified.exists():
        raise NotAdmitted("domain_not_verified")
    member = Member.objects.select_related("user").filter(tenant_id=provider.tenant_id, user__email=email).first()
    if member is None or not member.user.is_active:
        raise NotAdmitted("no_member")
    if member.user.is_staff:
        raise NotAdmitted("support_staff")
    return member.user


def clean_domain(text: str) -> str:
    """The domain as it is kept: lower case, international ones as xn--.

    Raises:
        DomainRefused: it is none.
    """
    try:
        domain = text.strip().rstrip(".").lower().encode("idna").decode()
    except UnicodeError:
        domain = ""
    if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        raise DomainRefused(_("Give a mail domain, such as example.com."))
    return domain


def _require(tenant: Tenant, *, required: bool) -> None:
    if tenant.require_single_sign_on != required:
        tenant.require_single_sign_on = required
        tenant.save(update_fields=["require_single_sign_on"])
