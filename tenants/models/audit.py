"""Audit events: append-only, kept apart from what they speak of."""

from typing import Self
from uuid import UUID

from django.db import models

from tenants.audit_actions import AuditAction


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Audit events, always those of a tenant."""

    def for_tenant(self, tenant_id: UUID) -> Self:
        """Those of this tenant."""
        return self.filter(tenant_id=tenant_id)


class AuditEvent(models.Model):
    """Somebody did something to something. No foreign keys: an event outlives its actor and its target.

    The database refuses to change or delete one (a trigger, `tenants/migrations/0002`).
    """

    at = models.DateTimeField(auto_now_add=True)
    tenant_id = models.UUIDField(null=True)
    action = models.CharField(max_length=60, help_text="source:subject:action, such as page:connection:created")
    actor_kind = models.CharField(max_length=10, help_text="user, staff, token or system")
    actor_id = models.CharField(max_length=40, blank=True)
    actor_name = models.CharField(max_length=254, blank=True)
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=36, blank=True)
    address = models.GenericIPAddressField(null=True, help_text="Where the request came from.")

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "-at"], name="audit_event_of_tenant")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action}"

    @property
    def label(self) -> str:
        """What was done, in words."""
        name = self.action.partition(":")[2]
        return str(AuditAction(name).label) if name in AuditAction.values else name
