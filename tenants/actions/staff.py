"""What the vendor's support staff looks at, which customers see in turn, and what staff may do beyond looking."""

from uuid import UUID

from django.contrib.auth.models import Permission
from django.db.models import Model

from tenants import audit
from tenants.audit import Actor
from tenants.models import User
from tenants.scope import installation_scope, tenant_scope


class NotStaff(ValueError):
    """Only a member of the support staff can have a permission of theirs."""


def note_view(*, tenant_id: UUID, seen: Model, by: Actor) -> None:
    """Note that a member of staff opened a page about something of a tenant."""
    with tenant_scope(tenant_id):
        audit.record("tenant:viewed_by_staff", by=by, tenant_id=tenant_id, target=seen)


def note_list(*, seen: type[Model], viewer: User, page: str, searched: bool, by: Actor) -> None:
    """Note that a member of staff opened a list of many tenants' things. What was searched for is not kept: it may name
    people, and outlive them.
    """
    with installation_scope():
        audit.record(
            "staff:list_viewed",
            by=by,
            tenant_id=None,
            target=viewer,
            list=str(seen._meta.model_name),
            page=page,
            searched=searched,
        )


def set_staff_permission(*, user: User, permission: Permission, granted: bool, by: Actor) -> None:
    """Give a member of staff a permission beyond looking, or take it.

    Raises:
        NotStaff: nothing is changed.
    """
    if not user.is_staff:
        raise NotStaff(f"{user.email} is no member of the support staff.")
    with installation_scope():
        if granted:
            user.user_permissions.add(permission)
        else:
            user.user_permissions.remove(permission)
        audit.record(
            "staff:permission_changed",
            by=by,
            tenant_id=None,
            target=user,
            permission=permission.codename,
            granted=granted,
        )
