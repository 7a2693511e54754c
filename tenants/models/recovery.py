"""Recovery: how a tenant comes to an owner again, and a person rid of a second factor that is lost."""

from uuid import uuid4

from django.db import models
from django.db.models.functions import Lower

from tenants.models.tenant import Tenant


class Recovery(models.Model):
    """Asked for by support staff with a reason, told to all owners, and carried out only after a delay in which any of
    them can call it off.
    """

    class Kind(models.TextChoices):
        """What is lost."""

        OWNER = "owner", "Make this person an owner"
        SECOND_FACTOR = "second_factor", "Take this person's second factor off"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="recoveries")
    # A second factor lets into every tenant of a person, so each of them has a row, and one call-off ends all.
    group = models.UUIDField(default=uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    email = models.EmailField(max_length=254)
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=254)
    requested_at = models.DateTimeField(auto_now_add=True)
    effective_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["owner", "second_factor"]), name="recovery_kind_known"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="recovery_has_a_reason"),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="recovery_email_is_lower_case"),
            models.UniqueConstraint(
                fields=["tenant", "email", "kind"],
                condition=models.Q(cancelled_at__isnull=True, done_at__isnull=True),
                name="recovery_one_open_of_a_kind",
            ),
        ]
        verbose_name_plural = "recoveries"

    def __str__(self) -> str:
        return f"{self.Kind(self.kind).label}: {self.email}"
