"""Receipts of sessions: everything that finds a session in CloudTrail, nothing that could open it again."""

from django.db import models

from integrations.models.connection import Connection
from integrations.models.verification import Verification
from tenants.models import Tenant


class SessionQuerySet(models.QuerySet["Session"]):
    """Receipts, as who asks may read them."""

    def shown(self) -> "SessionQuerySet":
        """Those that their tenant may read; the others are the support staff's."""
        return self.filter(withheld=False)


class Session(models.Model):
    """One assumed-role session. Its receipt is kept, its credentials never are."""

    class Purpose(models.TextChoices):
        """Why it was opened."""

        VERIFICATION = "verification", "Verification"
        TRUST_TEST = "trust_test", "Trust test"
        CANARY = "canary", "Canary"
        GRANT_TEST = "grant_test", "Grant test"
        INSPECTION = "inspection", "Inspection"
        PRODUCT = "product", "Product"
        IDENTITY_CHECK = "identity_check", "Identity check"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="sessions")
    verification = models.ForeignKey(Verification, on_delete=models.SET_NULL, null=True, related_name="sessions")
    component = models.CharField(max_length=40)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    role_arn = models.CharField(max_length=2048)
    role_id = models.CharField(max_length=64, blank=True)
    session_name = models.CharField(max_length=64)
    source_identity = models.CharField(max_length=64, blank=True)
    tags = models.JSONField(default=dict)
    transitive_tag_keys = models.JSONField(default=list)
    policy_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the session policy, in hex.")
    access_key_id = models.CharField(max_length=128, help_text="Names the session in CloudTrail; opens nothing.")
    request_id = models.CharField(max_length=64, blank=True)
    packed_policy_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    withheld = models.BooleanField(
        default=False, db_default=False, help_text="Its tenant is not to read it: another one proved the account."
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    purpose__in=[
                        "verification",
                        "trust_test",
                        "canary",
                        "grant_test",
                        "inspection",
                        "product",
                        "identity_check",
                    ]
                ),
                name="session_purpose_known",
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "-opened_at"], name="session_of_connection"),
            models.Index(fields=["opened_at", "id"], name="session_of_all_tenants"),
        ]
        ordering = ["-opened_at", "-id"]

    def __str__(self) -> str:
        return f"{self.session_name} ({self.access_key_id})"
