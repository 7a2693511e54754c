"""What the vendor's support staff does with a tenant: the customer sees it."""

from uuid import UUID

from django.db.models import Model

from tenants import audit
from tenants.audit import Actor
from tenants.scope import tenant_scope


def note_view(*, tenant_id: UUID, seen: Model, by: Actor) -> None:
    """Note that a member of staff opened a page about something of a tenant."""
    with tenant_scope(tenant_id):
        audit.record("tenant:viewed_by_staff", by=by, tenant_id=tenant_id, target=seen)
