"""The external ID of a connection is replaced by a new one, with no moment at which neither opens its roles."""

from datetime import datetime
from uuid import uuid4

from django.db import models

from integrations.models.connection import Connection, CustomerRole, new_external_id
from tenants.models import Tenant


class ExternalIdRotation(models.Model):
    """One rotation. Until all roles of the connection have moved, its role templates accept both external IDs, and
    each role is entered with the one it is known to accept. From then on the connection has the new one, its templates
    hold that alone, and the rotation is finished once every role has refused the previous one.

    Its external IDs are written once; a database trigger refuses a change.
    """

    class State(models.TextChoices):
        """How far it is."""

        MOVING = "moving", "Moving"
        CLOSING = "closing", "Closing"
        FINISHED = "finished", "Finished"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="external_id_rotations")
    previous_external_id = models.CharField(max_length=256, editable=False)
    new_external_id = models.CharField(max_length=64, default=new_external_id, editable=False)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=254)
    all_moved_at = models.DateTimeField(null=True, blank=True, help_text="When every role was seen to accept the new.")
    finished_at = models.DateTimeField(null=True, blank=True, help_text="When every role had refused the previous.")
    cancelled_at = models.DateTimeField(null=True, blank=True)
    next_reminder_at = models.DateTimeField(
        null=True, blank=True, help_text="When people are next told what is left to do; empty once it has ended."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=models.Q(finished_at=None, cancelled_at=None),
                name="external_id_rotation_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(new_external_id__regex=r"^rb-[a-z2-7]{32}$"),
                name="external_id_rotation_new_id_is_ours",
            ),
            models.CheckConstraint(
                condition=models.Q(finished_at=None) | models.Q(all_moved_at__isnull=False, cancelled_at=None),
                name="external_id_rotation_finished_after_all_moved",
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "-started_at"], name="external_id_rotation_latest"),
            models.Index(
                fields=["next_reminder_at"],
                condition=models.Q(next_reminder_at__isnull=False),
                name="external_id_rotation_due",
            ),
        ]
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"Rotation of {self.started_at:%Y-%m-%d %H:%M:%S}"

    @property
    def state(self) -> State:
        """How far it is."""
        if self.cancelled_at is not None:
            return self.State.CANCELLED
        if self.finished_at is not None:
            return self.State.FINISHED
        return self.State.CLOSING if self.all_moved_at is not None else self.State.MOVING

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.finished_at is None and self.cancelled_at is None

    @property
    def retired_external_id(self) -> str:
        """The external ID that is the connection's no more, once it has ended."""
        kept_previous = self.cancelled_at is not None and self.all_moved_at is None
        return self.new_external_id if kept_previous else self.previous_external_id

    def moved_at(self, role: CustomerRole) -> datetime | None:
        """Since when the role is entered with the new external ID; None where it still is with the previous one."""
        return role.new_external_id_at or self.all_moved_at


class IssuedExternalId(models.Model):
    """An external ID that some connection has or had, by its digest: the database refuses it to any other, for ever.

    Written by a trigger alone. No tenant owns it and it names none, so that it outlives connection and tenant.
    """

    digest = models.CharField(primary_key=True, max_length=64, help_text="SHA-256, in hex.")

    def __str__(self) -> str:
        return self.digest[:12]
