"""Invitations: sent, sent again, revoked, accepted. The link's secret goes to the mailbox and is kept nowhere else."""

from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import audit, limits
from tenants.actions.members import NotAllowed
from tenants.audit import Actor
from tenants.mail import send_on_commit
from tenants.models import Invitation, Member, Tenant, User
from tenants.permissions import Role
from tenants.scope import call, tenant_scope
from tenants.secrets import digest, new_secret

VALID_FOR = timedelta(days=7)
MOST_A_DAY = 100


class AlreadyMember(ValueError):
    """Somebody with this address is a member already."""


class UnusableInvitation(Exception):
    """The link opens nothing for this person: unknown, used, revoked, too old or another's. Which, nobody is told."""


@transaction.atomic
def invite(*, tenant: Tenant, email: str, role: Role, acting: Member, by: Actor) -> Invitation:
    """Invite an address to become a member; an invitation that is open already is sent anew, with this role.

    The tenant's scope is open. Whether somebody is signed up with the address makes no difference to what is done.

    Raises:
        NotAllowed, AlreadyMember, TooOften: the message says what to do; nothing is written.
    """
    _require(acting, role)
    email = email.lower()
    if Member.objects.filter(tenant_id=tenant.pk, user__email=email).exists():
        raise AlreadyMember(_("%(email)s is a member already. Change their role instead.") % {"email": email})
    _count(tenant)
    return offer(tenant=tenant, email=email, role=role, invited_by=acting.user_id, by=by)


@transaction.atomic
def offer(*, tenant: Tenant, email: str, role: Role, invited_by: UUID | None, by: Actor) -> Invitation:
    """Send an invitation, or an open one anew, whoever asks: `invite` and recovery judge that. The scope is open."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    secret = new_secret()
    waiting = Invitation.objects.filter(tenant_id=tenant.pk, email=email, accepted_at=None, revoked_at=None).first()
    invitation = waiting or Invitation(tenant=tenant, email=email)
    invitation.role, invitation.invited_by_id = role, invited_by
    _renew(invitation, secret)
    _tell(invitation, secret)
    audit.record(
        "invitation:resent" if waiting else "invitation:created",
        by=by,
        tenant_id=tenant.pk,
        target=invitation,
        email=email,
        role=role.value,
    )
    return invitation


@transaction.atomic
def resend_invitation(*, tenant: Tenant, invitation_id: UUID, acting: Member, by: Actor) -> Invitation:
    """Send an open or expired invitation again, with a new link; the old one ends.

    Raises:
        Invitation.DoesNotExist: there is none that could be sent.
        NotAllowed, TooOften: nothing is written.
    """
    _require(acting, Role(_waiting(tenant, invitation_id).role))
    return send_invitation_again(tenant=tenant, invitation_id=invitation_id, by=by)


@transaction.atomic
def send_invitation_again(*, tenant: Tenant, invitation_id: UUID, by: Actor) -> Invitation:
    """Send an open or expired invitation again as it is, whoever asks: `resend_invitation` and staff judge that.

    Raises:
        Invitation.DoesNotExist: there is none that could be sent.
        TooOften: nothing is written.
    """
    invitation = _waiting(tenant, invitation_id)
    _count(tenant)
    secret = new_secret()
    _renew(invitation, secret)
    _tell(invitation, secret)
    audit.record(
        "invitation:resent", by=by, tenant_id=tenant.pk, target=invitation, email=invitation.email, role=invitation.role
    )
    return invitation


@transaction.atomic
def revoke_invitation(*, tenant: Tenant, invitation_id: UUID, acting: Member, by: Actor) -> Invitation:
    """End an invitation at once.

    Raises:
        Invitation.DoesNotExist: there is none that could be revoked.
        NotAllowed: nothing is written.
    """
    invitation = _waiting(tenant, invitation_id)
    _require(acting, Role(invitation.role))
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    audit.record(
        "invitation:revoked",
        by=by,
        tenant_id=tenant.pk,
        target=invitation,
        email=invitation.email,
        role=invitation.role,
    )
    return invitation


def find_invitation(link: str) -> Invitation:
    """The open invitation of a link, named by the hash of the link's secret, with its tenant.

    Raises:
        UnusableInvitation: there is none.
    """
    for invitation_id, tenant_id in call("invitation_by_digest", link):
        with tenant_scope(tenant_id):
            invitation = Invitation.objects.select_related("tenant").filter(pk=invitation_id).first()
        if invitation is not None and invitation.is_open:
            return invitation
    raise UnusableInvitation


def accept_invitation(*, link: str, user: User, by: Actor) -> Member:
    """Become a member, by the hash of the link's secret. It works once, and only for a user who has proved to hold the
    address.

    Raises:
        UnusableInvitation: nothing is written.
    """
    found = find_invitation(link)
    with tenant_scope(found.tenant_id):
        return _accept(found, link=link, user=user, by=by)


def _accept(found: Invitation, *, link: str, user: User, by: Actor) -> Member:
    invitation = Invitation.objects.select_for_update().get(pk=found.pk)
    if not invitation.is_open or invitation.digest != link or not is_for(invitation, user):
        raise UnusableInvitation
    member, joined = Member.objects.get_or_create(
        tenant_id=invitation.tenant_id, user=user, defaults={"role": invitation.role}
    )
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    audit.record(
        "invitation:accepted",
        by=by,
        tenant_id=invitation.tenant_id,
        target=invitation,
        email=invitation.email,
        role=member.role,
        joined=joined,
    )
    return member


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether the user has proved to hold the address that was invited."""
    return bool(EmailAddress.objects.filter(user=user, email=invitation.email, verified=True).exists())


def _waiting(tenant: Tenant, invitation_id: UUID) -> Invitation:
    return Invitation.objects.select_for_update().get(
        tenant_id=tenant.pk, pk=invitation_id, accepted_at=None, revoked_at=None
    )


def _require(acting: Member, role: Role) -> None:
    if not Role(acting.role).may_give(role):
        raise NotAllowed(_("Only an owner can invite an owner. Ask one of them, or choose another role."))


def _count(tenant: Tenant) -> None:
    limits.count(
        "invitations",
        tenant.pk,
        most=MOST_A_DAY,
        seconds=24 * 3600,
        message=_("%(most)s invitations were sent today. Try again tomorrow.") % {"most": MOST_A_DAY},
    )


def _renew(invitation: Invitation, secret: str) -> None:
    invitation.digest = digest(secret)
    invitation.expires_at = timezone.now() + VALID_FOR
    invitation.save()


def _tell(invitation: Invitation, secret: str) -> None:
    send_on_commit(
        "invitation",
        invitation.email,
        tenant=invitation.tenant,
        role=Role(invitation.role).label,
        days=VALID_FOR.days,
        path=reverse("invitation_link", args=[secret]),
    )
