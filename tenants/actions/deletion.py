"""The deletion of a tenant: asked for, called off, and carried out, which leaves its audit events with nobody in them.

What is connected is removed first (`integrations.actions.tenant_deletion`).
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.actions.accounts import erase_person, is_the_vendors
from tenants.audit import SYSTEM, Actor
from tenants.models import Member, Tenant, User
from tenants.notifications import tell
from tenants.scope import call, installation_scope, tenant_scope

GRACE = timedelta(days=14)


class NotDue(RuntimeError):
    """Nobody asked for the deletion, or its time has not come."""


@transaction.atomic
def request_deletion(*, tenant: Tenant, by: Actor) -> Tenant:
    """Ask for the deletion of a tenant; it begins after a time of grace. Asking twice changes nothing."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if tenant.deletion_due_at is None:
        tenant.deletion_requested_at = timezone.now()
        tenant.deletion_due_at = tenant.deletion_requested_at + GRACE
        tenant.save(update_fields=["deletion_requested_at", "deletion_due_at"])
        tell(tenant, "deletion_requested", who=by.name)
        audit.record("tenant:deletion_requested", by=by, tenant_id=tenant.pk, target=tenant)
    return tenant


@transaction.atomic
def cancel_deletion(*, tenant: Tenant, by: Actor) -> Tenant:
    """Call the deletion off. After its time has come it cannot be called off: connections are being removed.

    Raises:
        NotDue: there is nothing to call off.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if tenant.deletion_due_at is None or tenant.deletion_due_at <= timezone.now():
        raise NotDue("There is no deletion to call off.")
    tenant.deletion_requested_at = tenant.deletion_due_at = None
    tenant.save(update_fields=["deletion_requested_at", "deletion_due_at"])
    tell(tenant, "deletion_cancelled", who=by.name)
    audit.record("tenant:deletion_cancelled", by=by, tenant_id=tenant.pk, target=tenant)
    return tenant


def delete_tenant(*, tenant_id: UUID, by: Actor = SYSTEM, **left: Any) -> None:
    """Really delete a tenant: every row of it, those of its people who belong to no other, and what its audit events
    say of people. The events themselves stay.

    Args:
        tenant_id: whose time has come.
        by: who acts.
        left: what the last event says was left, as JSON values.

    Raises:
        NotDue: its time has not come, or it is gone; nothing is deleted.
    """
    with installation_scope():
        with tenant_scope(tenant_id):
            due = Tenant.objects.select_for_update().filter(pk=tenant_id, deletion_due_at__lte=timezone.now())
            tenant = due.first()
            if tenant is None:
                raise NotDue("The tenant is not due.")
            people = list(Member.objects.filter(tenant_id=tenant_id).values_list("user_id", flat=True))
            audit.record("tenant:deleted", by=by, tenant_id=tenant_id, target=tenant, **left)
            tenant.delete()
            call("erase_people_of_deleted_tenant", tenant_id)
        for user in User.objects.filter(pk__in=people).order_by("pk"):
            if not (is_the_vendors(user) or call("tenants_of_user", user.pk)):
                erase_person(user)
