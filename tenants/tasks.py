"""What tasks of one tenant share. A queue is no place to trust: what it brings names a tenant, or is not done."""

import logging
from typing import Any
from uuid import UUID

from celery import Task

from tenants.models import Tenant
from tenants.scope import tenant_scope

logger = logging.getLogger(__name__)


class TenantTask(Task):  # type: ignore[type-arg]  # generic for the type checker alone
    """A task whose first argument is the id of a tenant and whose others are ids of things of that tenant, as texts.

    It is called with UUIDs and in the tenant's scope, where nothing of another tenant is there. A message without a
    tenant, with one that is not there, or with anything but ids does nothing.

    A task that calls the world outside says `opens_scope = False` and opens the scope itself around each step, since no
    transaction may be open while it waits. In the scope of a tenant that is not there it finds nothing to do.
    """

    abstract = True
    opens_scope = True

    def __call__(self, *ids: Any, **named: Any) -> Any:
        """Do the work in the scope of its tenant, or nothing."""
        read = [_id_in(text) for text in ids]
        tenant_id, others = (read[0], read[1:]) if read else (None, [])
        if tenant_id is None or None in others or named:
            logger.error("Task %s was sent without a tenant, or with what is no id; nothing is done", self.name)
            return None
        if not self.opens_scope:
            return self.run(tenant_id, *others)
        with tenant_scope(tenant_id):
            if not Tenant.objects.filter(pk=tenant_id).exists():
                logger.error("Task %s was sent for a tenant that is not there; nothing is done", self.name)
                return None
            return self.run(tenant_id, *others)


def _id_in(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except (ValueError, TypeError, AttributeError):
        return None
