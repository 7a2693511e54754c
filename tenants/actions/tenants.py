"""Tenants and their first member."""

from uuid import uuid4

from django.db import transaction

from tenants import audit
from tenants.audit import Actor
from tenants.models import Member, Tenant, User
from tenants.permissions import Role
from tenants.scope import tenant_scope


@transaction.atomic
def create_tenant(*, name: str, owner: User, by: Actor) -> Tenant:
    """A new tenant with its owner."""
    tenant = Tenant(id=uuid4(), name=name)
    with tenant_scope(tenant.pk):
        tenant.save(force_insert=True)
        Member.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
        audit.record("tenant:created", by=by, tenant_id=tenant.pk, target=tenant, name=name, owner=owner.email)
    return tenant
