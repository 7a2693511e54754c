"""Members: their roles, and how they go. A tenant always has an owner; the database refuses to be left without one."""

from django.db import transaction
from django.utils.translation import gettext as _

from tenants import audit
from tenants.actions.tokens import revoke_token
from tenants.audit import Actor
from tenants.models import ApiToken, Member, Tenant
from tenants.permissions import Role


class LastOwner(ValueError):
    """The organisation would be left without an owner; the message says what to do first."""


class NotAllowed(ValueError):
    """The acting member's role does not carry this; the message says whose does."""


@transaction.atomic
def change_role(*, member: Member, role: Role, acting: Member, by: Actor) -> Member:
    """Give a member another role. The same role again changes nothing.

    Args:
        member: whose role; the tenant's scope is open.
        role: the new one.
        acting: the member who does it, or whose token does.
        by: the same, for audit.

    Raises:
        LastOwner, NotAllowed: nothing is changed.
    """
    member, acting = _locked(member, acting)
    if member.role == role:
        return member
    _require(acting, Role(member.role), role)
    if member.role == Role.OWNER:
        _refuse_if_last_owner(member)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    audit.record(
        "member:role_changed",
        by=by,
        tenant_id=member.tenant_id,
        target=member,
        email=member.user.email,
        role=role.value,
        previous_role=before,
    )
    return member


@transaction.atomic
def transfer_ownership(*, to: Member, acting: Member, by: Actor) -> Member:
    """Make a member owner, and the acting owner an admin, in one step.

    Raises:
        NotAllowed: the acting member is no owner, or is the same; nothing is changed.
    """
    to, acting = _locked(to, acting)
    if acting.role != Role.OWNER or to.pk == acting.pk:
        raise NotAllowed(_("Only an owner can hand ownership over, and to somebody else."))
    to.role, acting.role = Role.OWNER, Role.ADMIN
    to.save(update_fields=["role"])
    acting.save(update_fields=["role"])
    audit.record(
        "member:ownership_transferred",
        by=by,
        tenant_id=to.tenant_id,
        target=to,
        email=to.user.email,
        previous_owner=acting.user.email,
    )
    return to


@transaction.atomic
def remove_member(*, member: Member, acting: Member, by: Actor) -> None:
    """End a membership, and the API tokens that the member made: they stay so if the member comes back.

    Raises:
        LastOwner, NotAllowed: nothing is changed.
    """
    member, acting = _locked(member, acting)
    _require(acting, Role(member.role))
    _end("member:removed", member, by)


@transaction.atomic
def leave(*, member: Member, by: Actor) -> None:
    """End one's own membership, and one's API tokens.

    Raises:
        LastOwner: nothing is changed.
    """
    member, _ = _locked(member, member)
    _end("member:left", member, by)


def _locked(member: Member, acting: Member) -> tuple[Member, Member]:
    """Both, read anew behind the tenant's lock: whoever changes members of a tenant does it one after the other."""
    Tenant.objects.select_for_update(no_key=True).get(pk=member.tenant_id)
    members = Member.objects.select_related("user", "tenant").filter(tenant_id=member.tenant_id)
    return members.get(pk=member.pk), members.get(pk=acting.pk)


def _require(acting: Member, *roles: Role) -> None:
    if not all(Role(acting.role).may_give(role) for role in roles):
        raise NotAllowed(_("Only an owner can make somebody an owner, or change or remove an owner. Ask one of them."))


def _refuse_if_last_owner(member: Member) -> None:
    others = Member.objects.filter(tenant_id=member.tenant_id, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise LastOwner(_("An organisation needs an owner. Make another member owner first."))


def _end(action: str, member: Member, by: Actor) -> None:
    if member.role == Role.OWNER:
        _refuse_if_last_owner(member)
    made = ApiToken.objects.filter(tenant_id=member.tenant_id, created_by=member.user_id, revoked_at=None)
    for token_id in made.order_by("pk").values_list("pk", flat=True):
        revoke_token(tenant=member.tenant, token_id=token_id, by=by)
    audit.record(action, by=by, tenant_id=member.tenant_id, target=member, email=member.user.email, role=member.role)
    member.delete()
