"""The tenant: a customer organisation of the vendor."""

import secrets
from uuid import uuid4

from django.db import models

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that is mistaken for a digit


def new_reference() -> str:
    """Ten random characters (49 bits): an opaque short id for role names and session tags, where space is dear."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


class Tenant(models.Model):
    """A customer organisation of the vendor."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    reference = models.CharField(max_length=10, default=new_reference, editable=False)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    require_second_factor = models.BooleanField(
        default=False, db_default=False, help_text="Members without a second factor set one up before anything else."
    )
    daily_digest = models.BooleanField(
        default=False, db_default=False, help_text="Changes of status are told once a day, but for an unsafe role."
    )
    require_single_sign_on = models.BooleanField(
        default=False, db_default=False, help_text="Members other than owners sign in by the organisation's provider."
    )
    customer_number = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="The vendor's own number of this customer, set by its support staff.",
    )
    deletion_requested_at = models.DateTimeField(null=True, blank=True)
    deletion_due_at = models.DateTimeField(
        null=True, blank=True, help_text="When its connections are removed, and then the organisation itself."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="tenant_reference_unique"),
            models.CheckConstraint(condition=~models.Q(name=""), name="tenant_has_a_name"),
        ]
        indexes = [
            models.Index(
                fields=["deletion_due_at"],
                condition=models.Q(deletion_due_at__isnull=False),
                name="tenant_deletion_due",
            ),
            models.Index(fields=["customer_number"], name="tenant_customer_number"),
        ]

    def __str__(self) -> str:
        return self.name
