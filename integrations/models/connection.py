"""Connections: one AWS account of a tenant each, with the customer roles in it."""

import base64
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self
from uuid import UUID, uuid4

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models.role_options import RoleOptionFields
from integrations.role_templates.names import role_name
from integrations.role_templates.options import LONGEST_SESSION, SHORTEST_SESSION
from tenants.models import Tenant
from tenants.models.tenant import new_reference

if TYPE_CHECKING:
    from integrations.models.verification import Verification


def new_external_id() -> str:
    """A new external ID: 160 random bits, derived from nothing (F3), in characters that a session tag allows too."""
    return "rb-" + base64.b32encode(secrets.token_bytes(20)).decode().lower()


class Status(models.TextChoices):
    """What is known of a customer role; a connection shows the worst of its roles (`docs/reference/statuses.md`)."""

    AWAITING = "awaiting", _("Awaiting")
    CONNECTED = "connected", _("Connected")
    DEGRADED = "degraded", _("Degraded")
    UNREACHABLE = "unreachable", _("Unreachable")
    UNSAFE = "unsafe", _("Unsafe")
    PAUSED = "paused", _("Paused")
    REMOVING = "removing", _("Removing")
    REMOVED = "removed", _("Removed")


# Worst first: the status of a connection is the first of these that one of its roles has.
WORST_FIRST = (Status.UNSAFE, Status.UNREACHABLE, Status.DEGRADED, Status.AWAITING, Status.CONNECTED)
# Roles that the customer took out of use count only where a connection has no other.
OUT_OF_USE = (Status.REMOVING, Status.PAUSED, Status.REMOVED)
BY_URGENCY = (*WORST_FIRST, *OUT_OF_USE)
FAILED = (Status.UNSAFE, Status.UNREACHABLE, Status.DEGRADED)  # it did not pass, and it is not merely new
GOING = (Status.REMOVING, Status.REMOVED)  # no part of a role template any more


def worst(statuses: list[str]) -> Status:
    """The status that a whole shows whose parts have these; `awaiting` where there is no part."""
    return next((status for status in BY_URGENCY if status in statuses), Status.AWAITING)


class ExternalIdOrigin(models.TextChoices):
    """Who made an external ID."""

    GENERATED = "generated", "Made by us"
    IMPORTED = "imported", "Imported from before: rotation is due"


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Connections, always those of a tenant."""

    def for_tenant(self, tenant_id: UUID) -> Self:
        """Those of this tenant."""
        return self.filter(tenant_id=tenant_id)

    def counts_by_status(self) -> dict[Status, int]:
        """How many have each status, the most urgent first; one query."""
        counts = dict(self.order_by().values_list("worst_status").annotate(models.Count("pk")))
        return {status: counts[status] for status in BY_URGENCY if status in counts}

    def of_status(self, statuses: Iterable[str]) -> Self:
        """Those with one of these statuses."""
        return self.filter(worst_status__in=list(statuses))

    def found_by(self, text: str) -> Self:
        """Those whose name, AWS account, external ID or reference fits; an account with or without dashes."""
        text = text.strip()
        if not text:
            return self
        digits = text.replace("-", "").replace(" ", "")
        by_account = models.Q(account_id__contains=digits) if digits.isdecimal() else models.Q()
        return self.filter(
            models.Q(name__has_part=text) | models.Q(external_id=text) | models.Q(reference=text) | by_account
        )

    def with_verification(self) -> Self:
        """With `verified_at`, when one last ended, and `is_being_verified`."""
        from integrations.models.verification import Verification  # which imports this module

        of_connection = Verification.objects.filter(connection=models.OuterRef("pk"))
        ended = of_connection.filter(finished_at__isnull=False).order_by("-requested_at").values("finished_at")[:1]
        return self.annotate(
            verified_at=models.Subquery(ended),
            is_being_verified=models.Exists(of_connection.filter(state__in=["queued", "running"])),
        )

    def for_display(self) -> Self:
        """With customer roles and last verification, in three queries however many there are."""
        from integrations.models.verification import Verification  # which imports this module

        latest = Verification.objects.order_by("connection_id", "-requested_at").distinct("connection_id")
        return self.prefetch_related(
            "roles", models.Prefetch("verifications", queryset=latest, to_attr="latest_verifications")
        )


class Connection(RoleOptionFields):
    """One AWS account of a tenant. Its external ID is made here, once, and no form, API field or page writes it (F1);
    a database trigger refuses every change but that of a rotation whose roles have all moved. Only `vendor_import`
    brings one along that is not ours, and marks it.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="connections")
    reference = models.CharField(max_length=10, default=new_reference, editable=False)
    name = models.CharField(max_length=100)
    external_id = models.CharField(max_length=256, default=new_external_id, editable=False)
    external_id_origin = models.CharField(
        max_length=10,
        choices=ExternalIdOrigin.choices,
        default=ExternalIdOrigin.GENERATED,
        db_default=ExternalIdOrigin.GENERATED,
        editable=False,
    )
    account_id = models.CharField(max_length=12, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the customer last asked for a verification of this account."
    )
    removal_requested_at = models.DateTimeField(null=True, blank=True, help_text="When off-boarding was asked for.")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="When AWS was seen to refuse us everywhere.")
    next_verification_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is verified again by itself; empty while a verification is active."
    )
    # A copy of what `status` finds, for lists that are filtered and ordered by it; only a trigger writes it (migration
    # 0018), so an instance in memory may be behind.
    worst_status = models.CharField(
        max_length=12,
        choices=Status.choices,
        default=Status.AWAITING,
        db_default=Status.AWAITING,
        editable=False,
        help_text="The worst status of its customer roles, kept by a trigger.",
    )
    worst_status_since = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["external_id"], name="connection_external_id_unique"),
            models.UniqueConstraint(fields=["reference"], name="connection_reference_unique"),
            models.UniqueConstraint(fields=["tenant", "id"], name="connection_of_tenant"),
            models.CheckConstraint(
                condition=models.Q(account_id="") | models.Q(account_id__regex=r"^[0-9]{12}$"),
                name="connection_account_id_is_12_digits",
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="connection_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(external_id_origin="imported")
                | models.Q(external_id_origin="generated", external_id__regex=r"^rb-[a-z2-7]{32}$"),
                name="connection_external_id_is_ours_or_imported",
            ),
            models.CheckConstraint(
                condition=models.Q(max_session_seconds__range=(SHORTEST_SESSION, LONGEST_SESSION)),
                name="connection_session_length_in_range",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="connection_list"),
            models.Index(fields=["tenant", "name", "id"], name="connection_by_name"),
            models.Index(fields=["created_at", "id"], name="connection_of_all_tenants"),
            models.Index(fields=["worst_status", "created_at", "id"], name="connection_by_status"),
            models.Index(fields=["worst_status_since"], name="connection_by_age"),
            # For "begins with", which the ordinary index of a text serves in the C collation alone.
            models.Index(fields=["account_id"], opclasses=["varchar_pattern_ops"], name="connection_by_account"),
            models.Index(fields=["external_id"], opclasses=["varchar_pattern_ops"], name="connection_by_external_id"),
            models.Index(
                fields=["next_verification_at"],
                condition=models.Q(next_verification_at__isnull=False),
                name="connection_due",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> Status:
        """The worst status of its customer roles."""
        return worst([role.status for role in self.roles.all()])

    @property
    def is_imported(self) -> bool:
        """Whether its external ID is from before us: it may be guessable, and its rotation is due."""
        return self.external_id_origin == ExternalIdOrigin.IMPORTED

    @property
    def is_paused_by_vendor(self) -> bool:
        """Whether the vendor's emergency stop paused it; lifting it restores what was before."""
        return any(role.vendor_paused_from for role in self.roles.all())

    @property
    def is_removed(self) -> bool:
        """Whether it is off-boarded, or on its way there: nothing of it changes any more."""
        return self.removal_requested_at is not None

    @property
    def last_verification(self) -> "Verification | None":
        """The latest verification, whatever its state; costs a query unless the connection is `for_display`."""
        latest = getattr(self, "latest_verifications", None)
        return next(iter(self.verifications.all()[:1] if latest is None else latest), None)


class CustomerRole(models.Model):
    """The role in the customer's account for one component of one connection (C)."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="roles")
    component = models.CharField(max_length=40)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.AWAITING)
    status_since = models.DateTimeField(auto_now_add=True)
    worked_at = models.DateTimeField(null=True, blank=True, help_text="When the chain last worked.")
    quarantined = models.BooleanField(
        default=False,
        help_text="Found unsafe: no session but the trust-test's is opened until it passes twice in a row.",
    )
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="When AWS refused us after off-boarding, as it must."
    )
    clean_rounds = models.PositiveSmallIntegerField(
        default=0, help_text="Trust-tests passed in a row while quarantined."
    )
    passes = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Verifications passed in a row, up to the two that make it connected."
    )
    vendor_paused_from = models.CharField(
        max_length=12,
        blank=True,
        default="",
        db_default="",
        choices=Status.choices,
        help_text="Paused by the vendor's emergency stop: the status that lifting it restores.",
    )
    deployed_version = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="The component's version that it was made for, as it was last seen; empty where that is not known.",
    )
    new_external_id_at = models.DateTimeField(
        null=True, blank=True, help_text="In a rotation: when it was seen to accept the new external ID."
    )
    previous_external_id_refused_at = models.DateTimeField(
        null=True, blank=True, help_text="In a rotation: when it was seen to refuse the previous external ID."
    )
    told_status = models.CharField(
        max_length=12,
        blank=True,
        default="",
        db_default="",
        choices=Status.choices,
        help_text="The status that people were last told of.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "component"], name="customer_role_once_per_component"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="customer_role_status_known"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "connection"],
                condition=~models.Q(vendor_paused_from=""),
                name="customer_role_vendor_paused",
            ),
        ]
        ordering = ["component"]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The role's name in the customer's account, known before it exists."""
        return role_name(self.connection.reference, self.component, self.connection.role_name_pattern)

    @property
    def arn(self) -> str | None:
        """The role's ARN, None as long as the AWS account is not known."""
        account_id, path = self.connection.account_id, self.connection.role_path
        return f"arn:{settings.VENDOR_PARTITION}:iam::{account_id}:role{path}{self.name}" if account_id else None

    @property
    def is_confirming(self) -> bool:
        """Whether it passed once, and the second pass, which makes it connected, is still to come."""
        return self.passes == 1 and self.status in {Status.AWAITING, Status.DEGRADED, Status.UNREACHABLE}

    @property
    def is_unconfirmed(self) -> bool:
        """Whether bad news of it was found once, and is told to people once a second verification finds it too."""
        return self.status in {Status.DEGRADED, Status.UNREACHABLE} and self.told_status != self.status


class ProvedAccount(models.Model):
    """An AWS account that a tenant has proved to hold: its chain passed with its own external ID (F11).

    Across tenants, so a tenant sees its own alone; the app asks `account_is_proved_by_another`.
    """

    account_id = models.CharField(primary_key=True, max_length=12)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    proved_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.account_id
