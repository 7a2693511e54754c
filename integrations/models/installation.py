"""What belongs to the installation and to no tenant: the emergency stop, and what is known of our own roles."""

from uuid import uuid4

from django.db import models


class EmergencyStop(models.Model):
    """The vendor paused all access, everywhere. While one is active no session is opened, whatever a role's status."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    is_active = models.BooleanField(default=True)
    reason = models.CharField(max_length=500)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=254)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=254, blank=True)
    lift_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = [("use_emergency_stop", "Start and lift the emergency stop, and acknowledge a recreated role")]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=models.Q(is_active=True), name="emergency_stop_one_at_a_time"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="emergency_stop_has_a_reason"),
        ]
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"Emergency stop of {self.started_at:%Y-%m-%d %H:%M:%S}"


class VendorIdentity(models.Model):
    """What the last check of the vendor's own side (base → A → B) came to, as the worker sees it: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    works = models.BooleanField()
    since = models.DateTimeField(help_text="Since when it works, or does not.")
    checked_at = models.DateTimeField()
    cause = models.CharField(max_length=60, blank=True, help_text="Stable code of what is wrong.")
    detail = models.TextField(blank=True, help_text="AWS's own words.")
    broken_components = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Components whose own role is broken, in AWS's own words.",
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="vendor_identity_is_one_row")]
        verbose_name_plural = "vendor identity"

    def __str__(self) -> str:
        return "The vendor's own side works" if self.works else f"The vendor's own side is broken: {self.cause}"


class IntegrationRole(models.Model):
    """A role that customers trust, by the unique id that AWS gave it. A second id for one ARN says that it was
    recreated, which breaks the trust of every customer role that names it as its principal (F9).
    """

    role_arn = models.CharField(max_length=2048)
    role_id = models.CharField(max_length=64)
    first_seen_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True, help_text="Empty while it is an alarm.")
    acknowledged_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role_arn", "role_id"], name="integration_role_once")]
        ordering = ["-first_seen_at"]

    def __str__(self) -> str:
        return f"{self.role_arn} ({self.role_id})"


class VendorSession(models.Model):
    """A session in one of the vendor's own roles that served no customer's: its receipt, which finds it in CloudTrail.

    It has no tenant: one serves the verifications of all. What was opened for a customer's role is a `Session`.
    """

    component = models.CharField(max_length=40, blank=True, help_text="The role's name: a component, or trust-test.")
    purpose = models.CharField(max_length=20)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    role_arn = models.CharField(max_length=2048)
    role_id = models.CharField(max_length=64, blank=True)
    session_name = models.CharField(max_length=64)
    source_identity = models.CharField(max_length=64, blank=True)
    tags = models.JSONField(default=dict)
    transitive_tag_keys = models.JSONField(default=list)
    policy_sha256 = models.CharField(max_length=64, blank=True)
    access_key_id = models.CharField(max_length=128, help_text="Names the session in CloudTrail; opens nothing.")
    request_id = models.CharField(max_length=64, blank=True)
    packed_policy_percent = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="vendor_session_expires")]
        ordering = ["-opened_at", "-id"]

    def __str__(self) -> str:
        return f"{self.session_name} ({self.access_key_id})"
