"""Whom to tell what concerns a tenant: its owners, and the addresses it has confirmed."""

from typing import Any

from tenants.mail import send_on_commit
from tenants.models import Member, NotificationAddress, Tenant
from tenants.permissions import Role


def tell(tenant: Tenant, template: str, **context: Any) -> None:
    """Send a mail of `tenants/email/` to each, once the transaction is committed. The tenant's scope is open."""
    owners = Member.objects.filter(tenant_id=tenant.pk, role=Role.OWNER, user__is_active=True)
    addresses = NotificationAddress.objects.filter(tenant_id=tenant.pk, verified_at__isnull=False)
    everybody = {
        *owners.values_list("user__email", flat=True),
        *addresses.values_list("email", flat=True),
    }
    for email in sorted(everybody):
        send_on_commit(template, email, tenant=tenant, **context)
