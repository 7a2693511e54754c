"""Mails that tell people of a change of status: one row for each mail, so that none is lost and none goes out twice."""

from uuid import uuid4

from django.db import models

from integrations.models.connection import Connection
from integrations.models.verification import Verification
from tenants.models import Tenant


class Notification(models.Model):
    """One mail to one address about what one verification found. `integrations.actions.notifications` sends it."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="notifications")
    verification = models.ForeignKey(Verification, on_delete=models.CASCADE, related_name="notifications")
    recipient = models.EmailField(max_length=254)
    changes = models.JSONField(help_text="What changed, by component: the status people knew, and the new one.")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, help_text="When it is tried next; empty once it is sent or given up.")
    attempts = models.PositiveSmallIntegerField(default=0)
    unanswered = models.PositiveSmallIntegerField(
        default=0, help_text="Attempts of which nobody knows whether the mail went out: the worker was lost in between."
    )
    in_digest = models.BooleanField(
        default=False, db_default=False, help_text="It waits for the others of the day, and goes out with them."
    )
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["verification", "recipient"], name="notification_once_per_recipient"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="notification_due"),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"To {self.recipient}, {self.created_at:%Y-%m-%d %H:%M:%S}"
