"""What the vendor doctor found."""

from django.db import models


class VendorExamination(models.Model):
    """One examination of the vendor's own side. No tenant owns it, and it holds nothing of a customer's."""

    class State(models.TextChoices):
        """How it ended."""

        QUEUED = "queued", "Queued"
        PASSED = "passed", "All is well"
        FAILED = "failed", "Something is broken"
        UNKNOWN = "unknown", "Could not be told"

    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    requested_at = models.DateTimeField(auto_now_add=True)
    requested_by = models.CharField(max_length=254, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    integration_role_id = models.CharField(max_length=64, blank=True, help_text="Its unique id, as AWS told it.")
    report = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "passed", "failed", "unknown"]),
                name="vendor_examination_state_known",
            )
        ]

    def __str__(self) -> str:
        return f"Examination of {self.requested_at:%Y-%m-%d %H:%M}"
