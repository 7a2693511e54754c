"""From what a verification found to the status of each customer role."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from integrations.actions.role_jobs import Report
from integrations.aws.report import ReachabilityReport, RemovalReport, RoleReport, TrustReport, role_status
from integrations.models import Connection, CustomerRole, Finding, ProvedAccount, Status, Verification
from integrations.models.connection import OUT_OF_USE
from tenants import audit
from tenants.audit import SYSTEM
from tenants.scope import call

NOTHING_DEPLOYED_AFTER = timedelta(hours=72)
ROUNDS_TO_LIFT_QUARANTINE = 2
WORKS = (Status.CONNECTED, Status.DEGRADED)


def apply_reports(*, verification: Verification, reports: Sequence[Report]) -> bool:
    """Give each role of the connection the status its report speaks for; a report with no verdict changes nothing.
    Gives whether any report reached a verdict.

    What the customer paused or removed while the verification ran stays so.

    The account binds to the first tenant whose chain passes with its own external ID (F11). Another tenant's claim on
    it stays `awaiting`, with a message that tells it nothing of the other.
    """
    connection = verification.connection
    roles = {role.component: role for role in connection.roles.select_for_update() if role.status not in OUT_OF_USE}
    verdicts: dict[str, str] = {
        report.component: _trust_verdict(report) if isinstance(report, TrustReport) else role_status(report)
        for report in reports
        if isinstance(report, RoleReport | TrustReport) and report.component in roles
    }
    removals = {report.component: report.removed for report in reports if isinstance(report, RemovalReport)}
    works = {component for component, verdict in verdicts.items() if verdict in {"connected", "degraded"}}
    if works and not _account_is_ours(connection):
        for component in works:
            verdicts[component] = "not_confirmed"
            _not_confirmed(verification, component)
    long_ago = timezone.now() - NOTHING_DEPLOYED_AFTER
    said = connection.verifications.filter(requested_at__lt=long_ago).exists()
    for component, verdict in verdicts.items():
        role = roles[component]
        _apply(role, verdict, connection, nothing_deployed_for_long=said and role.status_since < long_ago)
    _apply_removals(connection, [component for component, removed in removals.items() if removed])
    return (
        any(verdict != "no_verdict" for verdict in verdicts.values())
        or any(removed is not None for removed in removals.values())
        or any(report.reachable is not None for report in reports if isinstance(report, ReachabilityReport))
    )


def differ(*, verification: Verification, reports: Sequence[Report]) -> bool:
    """Whether a role that works was found out of reach, or one that does not within it: only a whole verification may
    say what that means.
    """
    reachable = {
        report.component: report.reachable
        for report in reports
        if isinstance(report, ReachabilityReport) and report.reachable is not None
    }
    return any(
        (role.status in WORKS) != reachable[role.component]
        for role in verification.connection.roles.all()
        if role.component in reachable and role.status not in OUT_OF_USE and not role.quarantined
    )


def _trust_verdict(report: TrustReport) -> str:
    """What the trust-test alone speaks for. A clean round is no verdict on the chain and the permissions."""
    if report.safe is not None:
        return "clean" if report.safe else "unsafe"
    return "not_assumable" if report.refused else "no_verdict"


def _apply_removals(connection: Connection, refused: list[str]) -> None:
    """AWS refuses us where the customer asked us to go: say so, with the date."""
    for role in connection.roles.select_for_update().filter(status=Status.REMOVING, component__in=refused):
        role.status, role.removed_at = Status.REMOVED, timezone.now()
        role.status_since = role.removed_at
        role.save(update_fields=["status", "status_since", "removed_at"])
        _record(role, connection, "removed", name=role.name)
    still_open = connection.roles.exclude(status=Status.REMOVED).exists()
    if connection.removal_requested_at and not connection.removed_at and not still_open:
        connection.removed_at = timezone.now()
        connection.save(update_fields=["removed_at"])
        _release_account(connection)
        audit.record("connection:removed", by=SYSTEM, tenant_id=connection.tenant_id, target=connection)


def _release_account(connection: Connection) -> None:
    """Let go of a removed connection's account: to another connection of the tenant that worked there, or to whoever
    proves it next.
    """
    proved = ProvedAccount.objects.filter(account_id=connection.account_id, connection=connection)
    heir = (
        Connection.objects.for_tenant(connection.tenant_id)
        .filter(account_id=connection.account_id, removed_at=None, roles__worked_at__isnull=False)
        .exclude(pk=connection.pk)
        .first()
    )
    if heir is None:
        proved.delete()
    else:
        proved.update(connection=heir)


def _apply(role: CustomerRole, verdict: str, connection: Connection, *, nothing_deployed_for_long: bool) -> None:
    if verdict == "no_verdict":
        return
    before = role.status
    if verdict == "unsafe":
        role.quarantined, role.clean_rounds = True, 0
        role.status = Status.UNSAFE
    elif verdict == "not_assumable":
        role.clean_rounds = 0
        lost = role.worked_at is not None or nothing_deployed_for_long
        role.status = Status.UNREACHABLE if lost else Status.AWAITING
    else:
        if verdict in {"connected", "degraded"}:
            role.worked_at = timezone.now()
        role.clean_rounds += 1
        if role.quarantined and role.clean_rounds >= ROUNDS_TO_LIFT_QUARANTINE:
            role.quarantined = False
            _record(role, connection, "quarantine_lifted", rounds=role.clean_rounds)
        role.status = (
            Status.UNSAFE
            if role.quarantined
            else Status.AWAITING
            if verdict in {"not_confirmed", "clean"}
            else Status(verdict)
        )
    if role.status != before:
        role.status_since = timezone.now()
        _record(role, connection, "status_changed", before=before, after=role.status)
    role.save(update_fields=["status", "status_since", "worked_at", "quarantined", "clean_rounds"])


def _record(role: CustomerRole, connection: Connection, what: str, **data: object) -> None:
    audit.record(
        f"customer_role:{what}",
        by=SYSTEM,
        tenant_id=role.tenant_id,
        target=role,
        connection=str(connection.pk),
        component=role.component,
        **data,
    )


def _account_is_ours(connection: Connection) -> bool:
    """Bind the account to this tenant if it is free; whether it is this tenant's now."""
    ProvedAccount.objects.bulk_create(
        [ProvedAccount(account_id=connection.account_id, tenant_id=connection.tenant_id, connection=connection)],
        ignore_conflicts=True,
    )
    ((by_another,),) = call("account_is_proved_by_another", connection.account_id, connection.tenant_id)
    return not by_another


def _not_confirmed(verification: Verification, component: str) -> None:
    Finding.objects.create(
        tenant_id=verification.tenant_id,
        verification=verification,
        component=component,
        check_code="account.confirmed",
        outcome=Finding.Outcome.ERROR,
        cause="account_not_confirmed",
        who=Finding.Who.VENDOR,
        title="We could not confirm this AWS account for your organisation.",
        fix="Please contact our support and name the AWS account; nothing is wrong with your role.",
    )
