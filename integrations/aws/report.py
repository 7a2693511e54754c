"""What a verification takes and gives back: plain, frozen values that hold no credential."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from integrations.aws.arns import InvalidRoleArn, RoleArn, partition_of_region, role_arn, validate_account_id
from integrations.aws.policies import validate_external_id
from integrations.aws.vendor import VendorSettings
from integrations.catalogue import Component

RoleStatus = Literal["connected", "degraded", "unsafe", "not_assumable", "no_verdict"]

# How long IAM may take to spread a role, so that a refusal means nothing yet.
YOUNG_FOR = timedelta(minutes=5)

_REFERENCE = re.compile(r"[a-z0-9]{1,16}")


class Outcome(StrEnum):
    PASSED = "passed"
    DENIED = "denied"  # should be allowed and is not
    VIOLATED = "violated"  # is allowed and must not be
    ERROR = "error"
    THROTTLED = "throttled"
    NOT_APPLICABLE = "not_applicable"
    SKIPPED = "skipped"


class Actor(StrEnum):
    """Who must act."""

    VENDOR = "vendor"
    CUSTOMER = "customer"
    CUSTOMER_ORGANISATION = "customer_organisation"
    NOBODY = "nobody"


class SessionPurpose(StrEnum):
    """Why a session was opened."""

    PRODUCT = "product"
    VERIFICATION = "verification"
    TRUST_TEST = "trust_test"
    CANARY = "canary"
    GRANT_TEST = "grant_test"
    INSPECTION = "inspection"
    IDENTITY_CHECK = "identity_check"


@dataclass(frozen=True)
class VerificationTarget:
    """One customer role to verify.

    `tenant_ref` and `connection_ref` are opaque: they appear in the customer's CloudTrail (F15). `regions` are those
    the customer allows: permissions are probed there and nowhere else; empty means that the customer said nothing, and
    they are probed in the vendor's own region. `previous_external_ids` are those a role may still hold while a new one
    replaces them, and must hold no more once they are `retired`; `next_external_id` is the one that is to replace
    `external_id`, and is only tried. `self_inspection` says that the customer let the role read itself; `boundary_arn`,
    `version_tag_key` and `max_session_seconds` are what the template put on it. `known_version` is the component's
    version that the role was last seen to be made for, `older_versions` are those that were released before.
    `said_deployed_at` is when the customer last said that the role was deployed; None for one that worked before.
    """

    tenant_ref: str
    connection_ref: str
    account_id: str
    external_id: str
    role_name: str
    role_path: str
    component: Component
    regions: tuple[str, ...] = ()
    previous_external_ids: tuple[str, ...] = ()
    retired: bool = False
    next_external_id: str = ""
    self_inspection: bool = False
    boundary_arn: str = ""
    version_tag_key: str = ""
    known_version: str = ""
    older_versions: tuple[str, ...] = ()
    max_session_seconds: int = 3600
    said_deployed_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("tenant_ref", "connection_ref"):
            if not _REFERENCE.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} must be 1 to 16 characters out of a-z and 0-9.")
        validate_account_id(self.account_id)
        for external_id in self.known_external_ids:
            validate_external_id(external_id)
        role_arn("aws", self.account_id, self.role_path, self.role_name)
        for region in self.regions:
            partition_of_region(region)

    @property
    def known_external_ids(self) -> tuple[str, ...]:
        """Every external ID that was issued for this role's connection, as far as this run is told."""
        following = (self.next_external_id,) if self.next_external_id else ()
        return (self.external_id, *following, *self.previous_external_ids)

    @property
    def is_young(self) -> bool:
        """Whether AWS may still be spreading the role."""
        return self.said_deployed_at is not None and datetime.now(UTC) - self.said_deployed_at < YOUNG_FOR

    def role_arn(self, settings: VendorSettings) -> RoleArn:
        """The customer role. AWS has no AssumeRole across partitions, so its partition is the vendor's.

        Raises InvalidRoleArn where a region of the customer's belongs to another partition.
        """
        for region in self.regions:
            if partition_of_region(region) != settings.partition:
                raise InvalidRoleArn(f"The region {region} is not in the partition {settings.partition}.")
        return role_arn(settings.partition, self.account_id, self.role_path, self.role_name)


@dataclass(frozen=True)
class Finding:
    """The result of one check. `detail` may hold AWS's own words, with ids of the customer's organisation in them:
    show it to that customer only, and use `errors.redact` for staff and logs."""

    check: str
    component: str
    outcome: Outcome
    cause: str
    who: Actor
    title: str
    detail: str = ""
    fix: str = ""
    action: str = ""
    region: str = ""
    duration_ms: int = 0
    request_id: str = ""

    @property
    def check_code(self) -> str:
        """The check, by the name that it has once the finding is stored."""
        return self.check


@dataclass(frozen=True)
class SessionReceipt:
    """What is kept of a session: everything that finds it in CloudTrail, nothing that could open it again."""

    opened_at: datetime
    expires_at: datetime
    component: str
    purpose: SessionPurpose
    role_arn: str
    role_id: str
    session_name: str
    source_identity: str
    tags: tuple[tuple[str, str], ...]
    transitive_tag_keys: tuple[str, ...]
    policy_sha256: str
    access_key_id: str
    request_id: str
    packed_policy_percent: int | None


@dataclass(frozen=True)
class RoleReport:
    """What one verification found out about one customer role.

    `external_id_enforced`, `permissions_ok` and `trust_too_wide` are None where no verdict was reached.
    `integration_role_id` is the unique id AWS gave the integration role, in which a recreated role shows (F9).
    `deployed_version` is the component's version the role was made for: as its tag says where it may read itself, else
    as its permissions show; empty where neither does. `narrowing`
    says by what the session was narrowed to the component: `actions`, `managed_policies` or `services`; empty where no
    session was opened. `accepts_next_external_id` and `refuses_previous_external_ids` are None where it was not tried,
    or had no answer that counts.
    """

    component: str
    findings: tuple[Finding, ...]
    assumable: bool
    refused: bool  # AWS answered that the role may not be assumed; False where no answer was had
    external_id_enforced: bool | None
    permissions_ok: bool | None
    vendor_fault: bool
    trust_too_wide: bool | None = False
    receipts: tuple[SessionReceipt, ...] = ()
    integration_role_id: str = ""
    deployed_version: str = ""
    narrowing: str = ""
    deadline_hit: bool = False
    accepts_next_external_id: bool | None = None
    refuses_previous_external_ids: bool | None = None


@dataclass(frozen=True)
class ReachabilityReport:
    """Whether a customer role can be entered and leads to the account it should, and nothing else.

    `reachable` is None where no verdict was reached. It speaks of no trust and of no permission, so it stands for no
    status: where it differs from what is known, a whole verification must judge.
    """

    component: str
    reachable: bool | None
    findings: tuple[Finding, ...]
    receipts: tuple[SessionReceipt, ...] = ()
    integration_role_id: str = ""
    deadline_hit: bool = False


@dataclass(frozen=True)
class RemovalReport:
    """Whether a customer role refuses us. `removed` is None where no verdict was reached."""

    component: str
    removed: bool | None
    findings: tuple[Finding, ...]
    receipts: tuple[SessionReceipt, ...] = ()


@dataclass(frozen=True)
class TrustReport:
    """What the trust-test alone found out about a customer role in quarantine.

    `safe` is None where no verdict was reached, `refused` says whether AWS refused the right external ID too. The last
    two are as in RoleReport.
    """

    component: str
    safe: bool | None
    refused: bool
    findings: tuple[Finding, ...]
    receipts: tuple[SessionReceipt, ...] = ()
    accepts_next_external_id: bool | None = None
    refuses_previous_external_ids: bool | None = None


@dataclass(frozen=True)
class VendorIdentityReport:
    """Whether the vendor's own side works; the roles of it that were entered, with the unique ids AWS gave them; and
    the components whose role could not go that way, with what AWS said.
    """

    finding: Finding
    entered: tuple[tuple[str, str], ...] = ()
    broken_components: tuple[tuple[str, str], ...] = ()


def role_status(report: RoleReport) -> RoleStatus:
    """The status that a report speaks for. `no_verdict` means: keep what is known, and try again."""
    if report.external_id_enforced is False or report.trust_too_wide:
        return "unsafe"
    if report.vendor_fault:
        return "no_verdict"
    if not report.assumable:
        return "not_assumable" if report.refused else "no_verdict"
    if report.external_id_enforced is None or report.trust_too_wide is None:
        return "no_verdict"
    if report.permissions_ok is False:
        return "degraded"
    return "connected" if report.permissions_ok else "no_verdict"
