"""Verifications, their leases and their findings."""

from uuid import uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.connection import Connection
from tenants.models import Tenant


class Verification(models.Model):
    """One run that tests a connection's customer roles.

    A worker holds it by a lease that it renews while it works, never by a flag: a worker that dies loses its lease, and
    the run goes to the next one. `attempt` rises with each claim, and only the latest claim may write.
    """

    class State(models.TextChoices):
        """How far it is. `failed` means that no verdict was reached; failure and findings say whose that is."""

        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"

    class Checks(models.TextChoices):
        """What is checked. Reachability is the chain and whose account it leads to, and no more."""

        ALL = "all", _("All")
        REACHABILITY = "reachability", _("Reachability")

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="verifications")
    checks = models.CharField(max_length=12, choices=Checks.choices, default=Checks.ALL, db_default=Checks.ALL)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    scheduled = models.BooleanField(
        default=False, db_default=False, help_text="Nobody waits for it: it goes after those that somebody asked for."
    )
    requested_by = models.CharField(max_length=254)
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    catalogue_version = models.CharField(max_length=20, blank=True)
    failure = models.CharField(max_length=40, blank=True, help_text="Why no verdict was reached, as a stable code.")
    rolled_up = models.JSONField(
        null=True,
        blank=True,
        help_text="How many findings of each kind there were, once they are deleted; empty while they are there.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=models.Q(state__in=["queued", "running"]),
                name="verification_one_at_a_time",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="verification_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "completed", "failed"]),
                name="verification_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(checks__in=["all", "reachability"]), name="verification_checks_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="running") | models.Q(lease_expires_at__isnull=False),
                name="verification_running_has_a_lease",
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "-requested_at"], name="verification_of_connection"),
            models.Index(fields=["lease_expires_at"], condition=models.Q(state="running"), name="verification_leases"),
            models.Index(fields=["requested_at"], condition=models.Q(state="queued"), name="verification_queue"),
            models.Index(fields=["requested_at", "id"], name="verification_of_all_tenants"),
            models.Index(fields=["tenant", "requested_at"], name="verification_of_tenant_by_age"),
            models.Index(fields=["finished_at"], condition=models.Q(state="failed"), name="verification_failed"),
            models.Index(
                fields=["requested_at"],
                condition=models.Q(rolled_up__isnull=True),
                name="verification_with_findings",
            ),
        ]
        ordering = ["-requested_at"]

    def __str__(self) -> str:
        return f"Verification of {self.requested_at:%Y-%m-%d %H:%M:%S}"

    @property
    def is_active(self) -> bool:
        """Whether it is still queued or running."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}


class Finding(models.Model):
    """The result of one check in a verification."""

    class Outcome(models.TextChoices):
        """What the check saw."""

        PASSED = "passed", _("Passed")
        DENIED = "denied", _("Denied")  # should be allowed and is not
        VIOLATED = "violated", _("Violated")  # is allowed and must not be
        ERROR = "error", _("Error")
        THROTTLED = "throttled", _("Throttled")
        NOT_APPLICABLE = "not_applicable", _("Not applicable")
        SKIPPED = "skipped", _("Skipped")

    class Who(models.TextChoices):
        """Who must act."""

        VENDOR = "vendor", _("Vendor")
        CUSTOMER = "customer", _("Customer")
        CUSTOMER_ORGANISATION = "customer_organisation", _("Customer's organisation")
        NOBODY = "nobody", _("Nobody")

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    verification = models.ForeignKey(Verification, on_delete=models.CASCADE, related_name="findings")
    component = models.CharField(max_length=40)
    check_code = models.CharField(
        max_length=60, help_text="Stable code of the check, such as chain.integration_to_customer."
    )
    action = models.CharField(max_length=128, blank=True)
    region = models.CharField(max_length=32, blank=True)
    outcome = models.CharField(max_length=14, choices=Outcome.choices)
    cause = models.CharField(max_length=60, blank=True)
    who = models.CharField(max_length=21, choices=Who.choices, default=Who.NOBODY)
    title = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    fix = models.TextField(blank=True)
    duration_ms = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    outcome__in=[
                        "passed",
                        "denied",
                        "violated",
                        "error",
                        "throttled",
                        "not_applicable",
                        "skipped",
                    ]
                ),
                name="finding_outcome_known",
            ),
            models.CheckConstraint(
                condition=models.Q(who__in=["vendor", "customer", "customer_organisation", "nobody"]),
                name="finding_who_known",
            ),
        ]
        indexes = [
            models.Index(fields=["verification", "id"], name="finding_of_verification"),
            models.Index(fields=["tenant", "-id"], name="finding_of_tenant"),
            models.Index(
                fields=["created_at"],
                include=["cause"],
                condition=models.Q(outcome__in=["denied", "violated", "error"]),
                name="finding_not_well",
            ),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.component} {self.check_code} {self.action}: {self.outcome}"
