"""Verify one customer role: open the chain, prove each permission, and prove that the trust refuses others.

    base → A ─ A → B ┬ B → C ┬ whose account is it
                     │       └ one probe per permission and region
                     ├ B → C ─ what must be denied, in a session that would allow it
                     └ B → C ─ what the role says of itself, where the customer lets it
    base → trust-test → B ┬ the right external ID (control)
                          ├ none
                          └ wrong ones that look like it
    base → canary ┬ a role that lets the whole vendor account in (control)
                  └ the customer role

What can go side by side does; each result becomes a finding the moment it lands.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from integrations.aws import findings
from integrations.aws.assume_role import Session
from integrations.aws.chain import prove_vendor_chain, vendor_side
from integrations.aws.checks.chain import ChainChecks
from integrations.aws.checks.grants import GrantChecks
from integrations.aws.checks.inspection import InspectionChecks
from integrations.aws.checks.permissions import PermissionChecks
from integrations.aws.checks.removal import RemovalCheck
from integrations.aws.checks.renewal import Renewable
from integrations.aws.checks.run import Run, elapsed_ms
from integrations.aws.checks.trust import TrustChecks
from integrations.aws.clients import SessionCredentials
from integrations.aws.customer_refusals import TrustFacts
from integrations.aws.errors import AwsCallFailed
from integrations.aws.report import (
    Actor,
    Finding,
    Outcome,
    ReachabilityReport,
    RemovalReport,
    RoleReport,
    RoleStatus,
    SessionReceipt,
    TrustReport,
    VendorIdentityReport,
    VerificationTarget,
    role_status,
)
from integrations.aws.sessions import SessionCache
from integrations.aws.vendor import VendorSettings
from integrations.aws.words import gettext_noop
from integrations.catalogue import Catalogue

__all__ = [
    "Actor",
    "Finding",
    "Outcome",
    "ReachabilityReport",
    "RemovalReport",
    "RoleReport",
    "RoleStatus",
    "SessionReceipt",
    "TrustReport",
    "VendorIdentityReport",
    "VendorSettings",
    "VerificationTarget",
    "check_reachability",
    "check_trust",
    "check_vendor_identity",
    "prove_removed",
    "prove_vendor_identity",
    "role_status",
    "verify_role",
    "warm_up",
]


def verify_role(
    settings: VendorSettings,
    target: VerificationTarget,
    *,
    on_finding: Callable[[Finding], None],
    on_receipt: Callable[[SessionReceipt], None] = lambda _: None,
    deadline_seconds: float = 60,
) -> RoleReport:
    """Verify the target's customer role and report; AWS's failures are findings, never exceptions.

    `on_finding` is called from the calling thread, once per finding, in the order in which they land, and `on_receipt`
    once per session that was opened. The deadline really ends the run. Raises VendorAccountAsCustomer (F20), before any
    call.
    """
    settings.refuse_own_account(target.account_id)
    run = Run(vendor_side(settings), target, on_finding, deadline_seconds, on_receipt)
    inspection = InspectionChecks(run)
    permissions = PermissionChecks(run, inspection)
    grants = GrantChecks(run, inspection)

    def launched(launch: Renewable[Session]) -> None:
        grants.start(launch)
        inspection.start(launch)

    chain = ChainChecks(run, on_launch=launched, on_customer=permissions.start)
    trust = TrustChecks(run, on_control_passed=chain.trust_test_entered)
    chain.start()
    trust.start()
    run.follow()
    trust.close()
    inspection.close()
    permissions.close()
    chain.judge_refusal(trust.facts)

    return RoleReport(
        component=target.component.id,
        findings=tuple(run.findings),
        assumable=chain.customer is not None and chain.account_matches is True,
        refused=chain.refused and not run.vendor_fault,
        external_id_enforced=trust.external_id_enforced,
        permissions_ok=permissions.ok,
        vendor_fault=run.vendor_fault,
        trust_too_wide=inspection.too_wide or trust.too_wide,
        receipts=tuple(run.receipts),
        deployed_version=permissions.deployed_version,
        narrowing=chain.narrowing,
        integration_role_id=chain.integration_role_id,
        deadline_hit=run.deadline_hit,
        accepts_next_external_id=trust.accepts_next_external_id,
        refuses_previous_external_ids=trust.refuses_previous_external_ids,
    )


def check_reachability(
    settings: VendorSettings,
    target: VerificationTarget,
    *,
    on_finding: Callable[[Finding], None],
    on_receipt: Callable[[SessionReceipt], None] = lambda _: None,
    deadline_seconds: float = 30,
    launches: SessionCache | None = None,
) -> ReachabilityReport:
    """Open the chain and ask whose account it leads to, and no more; as verify_role otherwise.

    The customer role is entered anew, since that is what is to be proved. The session in our integration role may come
    from `launches`: it can do nothing else than enter this one role.
    """
    settings.refuse_own_account(target.account_id)
    run = Run(vendor_side(settings), target, on_finding, deadline_seconds, on_receipt)
    chain = ChainChecks(run, on_launch=lambda _: None, on_customer=lambda _: None, launches=launches)
    chain.start()
    run.follow()
    chain.judge_refusal(TrustFacts())
    return ReachabilityReport(
        component=target.component.id,
        reachable=_reachable(run, chain),
        findings=tuple(run.findings),
        receipts=tuple(run.receipts),
        integration_role_id=chain.integration_role_id,
        deadline_hit=run.deadline_hit,
    )


def _reachable(run: Run, chain: ChainChecks) -> bool | None:
    if chain.account_matches is not None:
        return chain.account_matches
    return False if chain.refused and not run.vendor_fault else None


def check_trust(
    settings: VendorSettings,
    target: VerificationTarget,
    *,
    on_finding: Callable[[Finding], None],
    on_receipt: Callable[[SessionReceipt], None] = lambda _: None,
    deadline_seconds: float = 30,
) -> TrustReport:
    """Run the trust-test and the canary alone: all that is done to a role in quarantine, which opens no session of use.

    As verify_role otherwise.
    """
    settings.refuse_own_account(target.account_id)
    run = Run(vendor_side(settings), target, on_finding, deadline_seconds, on_receipt)
    trust = TrustChecks(run)
    trust.start()
    run.follow()
    trust.close()
    return TrustReport(
        component=target.component.id,
        safe=trust.safe,
        refused=trust.facts.control_passed is False and not run.vendor_fault,
        findings=tuple(run.findings),
        receipts=tuple(run.receipts),
        accepts_next_external_id=trust.accepts_next_external_id,
        refuses_previous_external_ids=trust.refuses_previous_external_ids,
    )


def prove_removed(
    settings: VendorSettings,
    target: VerificationTarget,
    *,
    on_finding: Callable[[Finding], None],
    on_receipt: Callable[[SessionReceipt], None] = lambda _: None,
    deadline_seconds: float = 30,
) -> RemovalReport:
    """Prove that the target's role refuses us now (F16), beside a control without which a refusal means nothing."""
    settings.refuse_own_account(target.account_id)
    run = Run(vendor_side(settings), target, on_finding, deadline_seconds, on_receipt)
    removal = RemovalCheck(run)
    removal.start()
    run.follow()
    removal.close()
    return RemovalReport(
        component=target.component.id,
        removed=removal.removed,
        findings=tuple(run.findings),
        receipts=tuple(run.receipts),
    )


def warm_up(settings: VendorSettings, catalogue: Catalogue) -> None:
    """Read the service models that verifications need, so that a process's first one is as quick as the rest.

    Makes no call. Takes about a second of CPU, once; for a worker's start.
    """
    nobody = SessionCredentials("AKIAWARMUP", "none", "none", datetime.now(UTC))
    services = {"sts", "iam"}
    for component in catalogue.components:
        services |= {permission.probe.service for permission in component.permissions if permission.probe}
        services |= {entry.probe.service for entry in component.never_granted if entry.probe}
    for service in sorted(services):
        vendor_side(settings).clients.with_session(service, settings.region, nobody)


def prove_vendor_identity(settings: VendorSettings, components: Sequence[str] = ()) -> VendorIdentityReport:
    """Prove the vendor's own side for real: base → A → B, with sessions that can do nothing.

    First from the trust-test role, on which the finding rests, and then from the role of each of the components: where
    one cannot go that way, nothing can be said of the customer roles of that component.
    """
    vendor = vendor_side(settings)
    started = time.monotonic()
    try:
        session = prove_vendor_chain(vendor)
    except AwsCallFailed as failure:
        finding = findings.finding(
            "vendor.identity",
            "",
            findings.judge_vendor_hop_failure(failure),
            detail=str(failure),
            duration_ms=elapsed_ms(started),
            request_id=failure.request_id,
        )
        return VendorIdentityReport(finding)
    finding = findings.passed(
        "vendor.identity",
        "",
        gettext_noop("Our own identity reaches our integration role"),
        duration_ms=elapsed_ms(started),
        request_id=session.receipt.request_id,
    )
    entered, broken = {session.receipt.role_arn: session.receipt.role_id}, {}
    for component in components:
        try:
            session = prove_vendor_chain(vendor, component)
        except AwsCallFailed as failure:
            if findings.judge_vendor_hop_failure(failure).who is not Actor.VENDOR:
                break  # load or a broken network: it is tried again, and says nothing of the roles that are left
            broken[component] = str(failure)
        else:
            entered[session.receipt.role_arn] = session.receipt.role_id
    return VendorIdentityReport(finding, entered=tuple(entered.items()), broken_components=tuple(broken.items()))


def check_vendor_identity(settings: VendorSettings) -> Finding:
    """What prove_vendor_identity found."""
    return prove_vendor_identity(settings).finding
