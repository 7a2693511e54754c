"""The history of customer roles' statuses: what changed, when, and why."""

from django.db import models

from integrations.models.connection import Connection, Status
from integrations.models.verification import Verification
from tenants.models import Tenant


class StatusChange(models.Model):
    """A customer role changed its status. Kept by component, since it outlives the role's row."""

    class Cause(models.TextChoices):
        """Why it changed."""

        VERIFICATION = "verification", "Found by a verification"
        CHOSEN = "chosen", "The component was chosen"
        DROPPED = "dropped", "The component was left out"
        ACCOUNT_CHANGED = "account_changed", "Another AWS account was named"
        PAUSED = "paused", "Paused by the customer"
        PAUSED_BY_SUPPORT = "paused_by_support", "Paused by our support"
        RESUMED = "resumed", "Resumed by the customer"
        REMOVAL = "removal", "Removal was asked for"
        EMERGENCY_STOP = "emergency_stop", "Paused by the vendor"
        EMERGENCY_STOP_LIFTED = "emergency_stop_lifted", "The vendor's pause ended"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="status_changes")
    verification = models.ForeignKey(Verification, on_delete=models.SET_NULL, null=True, related_name="status_changes")
    component = models.CharField(max_length=40)
    at = models.DateTimeField()
    before = models.CharField(
        max_length=12, blank=True, choices=Status.choices, help_text="Empty where the role is new."
    )
    after = models.CharField(
        max_length=12, blank=True, choices=Status.choices, help_text="Empty where there is no role any more."
    )
    cause = models.CharField(max_length=24, choices=Cause.choices)
    feed_position = models.BigIntegerField(
        null=True, editable=False, help_text="Its place in the feed of service tokens; empty until it has one."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feed_position"], name="status_change_feed_position_unique"),
            models.CheckConstraint(
                condition=models.Q(before__in=["", *Status.values]) & models.Q(after__in=["", *Status.values]),
                name="status_change_statuses_known",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    cause__in=[
                        "verification",
                        "chosen",
                        "dropped",
                        "account_changed",
                        "paused",
                        "paused_by_support",
                        "resumed",
                        "removal",
                        "emergency_stop",
                        "emergency_stop_lifted",
                    ]
                ),
                name="status_change_cause_known",
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "-at"], name="status_change_of_connection"),
            models.Index(
                fields=["id"],
                condition=models.Q(feed_position__isnull=True),
                name="status_change_without_position",
            ),
        ]
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.component}: {self.before or '-'} → {self.after or '-'}"
