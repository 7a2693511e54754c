"""Recovery of a lost owner or a lost second factor.

Support staff cannot hand an organisation over by themselves: they ask, with a reason; all owners and notification
addresses are told, and the person; nothing happens for some days, in which any owner can call it off.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.utils import timezone

from tenants import audit
from tenants.actions.invitations import offer
from tenants.audit import SYSTEM, Actor
from tenants.mail import send_on_commit
from tenants.models import Member, Recovery, Tenant, User
from tenants.notifications import tell
from tenants.permissions import Role
from tenants.scope import call, tenant_scope

DELAY = timedelta(days=3)


class CannotRecover(ValueError):
    """There is nothing to recover; the message says what is."""


def request_recovery(*, tenant_id: UUID, kind: Recovery.Kind, email: str, reason: str, by: Actor) -> list[Recovery]:
    """Ask for a recovery; gives it for each tenant that it concerns. No scope is open.

    Args:
        tenant_id: the tenant that asked for help.
        kind: what is lost.
        email: of the person who is to be owner (a member, or somebody to invite), or whose second factor goes.
        reason: what staff knows and how they know it; the owners read it.
        by: the member of staff.

    Raises:
        CannotRecover: nothing is written.
    """
    email, reason = email.strip().lower(), reason.strip()
    if not reason:
        raise CannotRecover("Give the reason: the owners read it.")
    concerned = [tenant_id]
    if kind == Recovery.Kind.SECOND_FACTOR:
        with tenant_scope(tenant_id):
            member = Member.objects.filter(tenant_id=tenant_id, user__email=email).first()
        if member is None or not Authenticator.objects.filter(user_id=member.user_id).exists():
            raise CannotRecover(f"No member with the address {email} has a second factor.")
        concerned = [tenant for (tenant,) in call("tenants_of_user", member.user_id)]
    group, effective_at = uuid4(), timezone.now() + DELAY
    return [_ask(tenant, kind, email, reason, group, effective_at, by) for tenant in concerned]


def _ask(
    tenant_id: UUID, kind: Recovery.Kind, email: str, reason: str, group: UUID, effective_at: datetime, by: Actor
) -> Recovery:
    with tenant_scope(tenant_id):
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        if Recovery.objects.filter(
            tenant_id=tenant_id, email=email, kind=kind, cancelled_at=None, done_at=None
        ).exists():
            raise CannotRecover(f"This was asked for already for {email}, and waits.")
        recovery = Recovery.objects.create(
            tenant=tenant,
            group=group,
            kind=kind,
            email=email,
            reason=reason,
            requested_by=by.name,
            effective_at=effective_at,
        )
        audit.record(
            "recovery:requested",
            by=by,
            tenant_id=tenant_id,
            target=recovery,
            kind=kind.value,
            email=email,
            reason=reason,
            effective_at=effective_at.isoformat(),
        )
        tell(tenant, "recovery_requested", recovery=recovery, what=kind.label)
        send_on_commit("recovery_requested", email, tenant=tenant, recovery=recovery, what=kind.label)
    return recovery


def cancel_recovery(*, tenant_id: UUID, recovery_id: UUID, by: Actor) -> None:
    """Call a recovery off, for every tenant that it concerns. No scope is open.

    Raises:
        Recovery.DoesNotExist: the tenant has none that waits.
    """
    group = _cancel(tenant_id, recovery_id, by)
    # From here on it is carried out nowhere; the other tenants of the person are told that, and not by whom.
    for other_id, other_tenant_id in call("recoveries_of_group", group):
        with suppress(Recovery.DoesNotExist):
            _cancel(other_tenant_id, other_id, SYSTEM)


def _cancel(tenant_id: UUID, recovery_id: UUID, by: Actor) -> UUID:
    with tenant_scope(tenant_id):
        waiting = Recovery.objects.select_for_update(of=["self"]).select_related("tenant")
        recovery = waiting.get(tenant_id=tenant_id, pk=recovery_id, cancelled_at=None, done_at=None)
        call_off(recovery, by)
        tell(recovery.tenant, "recovery_cancelled", recovery=recovery, who=by.name)
    return recovery.group


def call_off(recovery: Recovery, by: Actor) -> None:
    """It is carried out no more. The scope of its tenant is open, and it is locked."""
    recovery.cancelled_at = timezone.now()
    recovery.save(update_fields=["cancelled_at"])
    audit.record(
        "recovery:cancelled",
        by=by,
        tenant_id=recovery.tenant_id,
        target=recovery,
        kind=recovery.kind,
        email=recovery.email,
    )


def carry_out_recoveries() -> None:
    """Carry out what is due and was not called off."""
    for recovery_id, tenant_id in call("recoveries_due", timezone.now()):
        carry_out_recovery(tenant_id=tenant_id, recovery_id=recovery_id, by=SYSTEM)


def carry_out_recovery(*, tenant_id: UUID, recovery_id: UUID, by: Actor) -> bool:
    """Carry one out; False if it was called off, or done, or is not due."""
    with tenant_scope(tenant_id):
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        recovery = Recovery.objects.select_for_update().filter(tenant_id=tenant_id, pk=recovery_id).first()
        # Asked anew behind the lock: an owner of another of the person's tenants may have called it off just now.
        if recovery is None or (recovery_id, tenant_id) not in call("recoveries_due", timezone.now()):
            return False
        if recovery.kind == Recovery.Kind.OWNER:
            _make_owner(tenant, recovery.email)
        else:
            _take_second_factor_off(tenant, recovery.email)
        recovery.done_at = timezone.now()
        recovery.save(update_fields=["done_at"])
        audit.record(
            "recovery:carried_out",
            by=by,
            tenant_id=tenant_id,
            target=recovery,
            kind=recovery.kind,
            email=recovery.email,
        )
        tell(tenant, "recovery_carried_out", recovery=recovery, what=Recovery.Kind(recovery.kind).label)
    return True


def _make_owner(tenant: Tenant, email: str) -> None:
    """A member is owner now; anybody else is invited to be, and proves to hold the address by accepting."""
    if not Member.objects.filter(tenant_id=tenant.pk, user__email=email).update(role=Role.OWNER):
        offer(tenant=tenant, email=email, role=Role.OWNER, invited_by=None, by=SYSTEM)


def _take_second_factor_off(tenant: Tenant, email: str) -> None:
    """Of a member; with it go the person's sessions: whoever has found the phone is out. Whoever has the address by now
    and is no member is somebody else.
    """
    user = User.objects.filter(email=email, is_staff=False).first()
    if user is not None and Member.objects.filter(tenant_id=tenant.pk, user=user).exists():
        Authenticator.objects.filter(user=user).delete()
        for session in UserSession.objects.filter(user=user):
            session.end()
