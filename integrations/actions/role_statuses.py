"""From what a verification found to the status of each customer role."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations.actions.role_jobs import Report
from integrations.actions.sessions import is_in_customers_account
from integrations.actions.status_changes import Cause, write_history
from integrations.actions.status_events import StatusEvent, Told
from integrations.actions.status_subscribers import publish
from integrations.actions.vendor_identity import take_blame
from integrations.aws.report import ReachabilityReport, RemovalReport, RoleReport, TrustReport, role_status
from integrations.catalogue import is_version
from integrations.metrics import count_role_verdict
from integrations.models import Connection, CustomerRole, Finding, ProvedAccount, Status, Verification
from integrations.models.connection import OUT_OF_USE
from integrations.next_verification import may_be_new
from tenants import audit
from tenants.audit import SYSTEM
from tenants.scope import call

NOTHING_DEPLOYED_AFTER = timedelta(hours=72)
ROUNDS_TO_LIFT_QUARANTINE = 2
WORKS = (Status.CONNECTED, Status.DEGRADED)
# IAM is eventually consistent: where one answer came from, the next may not have arrived yet.
PASSES_TO_CONNECT = 2
# What is told as soon as it is found. Other bad news is told once a second verification has found it too.
TOLD_AT_ONCE = (Status.CONNECTED, Status.UNSAFE, Status.REMOVED)
TOLD_ONCE_CONFIRMED = (Status.DEGRADED, Status.UNREACHABLE)


def apply_reports(
    *, verification: Verification, reports: Sequence[Report], unread: Collection[str] = frozenset()
) -> bool:
    """Give each role of the connection the status its report speaks for; a report with no verdict changes nothing.
    Gives whether any report reached a verdict. Of `unread` components the tenant is to read nothing that was found.

    What the customer paused or removed while the verification ran stays so.

    The account binds to the first tenant whose chain passes with its own external ID (F11). Another tenant's claim on
    it stays `awaiting`, with a message that tells it nothing of the other; where the role stands open, nothing of what
    was found in it is left for the claimant to read.
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
    # It lets in whoever claims its account, so that proves nothing.
    stands_open = {component for component, verdict in verdicts.items() if _stands_open(roles[component], verdict)}
    if works and not _account_is_ours(connection):
        _leave_unconfirmed(verification, verdicts, works)
    if stands_open and is_proved_by_another(connection):
        # It may have been proved only meanwhile.
        verification.findings.filter(component__in=stands_open).delete()
        withhold_receipts(verification, [one for one in reports if one.component in stands_open], withheld=True)
        _leave_unconfirmed(verification, verdicts, stands_open)
    for report in reports:
        if not isinstance(report, RoleReport) or report.component not in roles or report.component in unread:
            continue
        if verdicts[report.component] != "not_confirmed":
            _note_version(roles[report.component], report)
    long_ago = timezone.now() - NOTHING_DEPLOYED_AFTER
    said = connection.verifications.filter(requested_at__lt=long_ago).exists()
    told = []
    for component, verdict in verdicts.items():
        role = roles[component]
        told += _apply(role, verdict, verification, nothing_deployed_for_long=said and role.status_since < long_ago)
    told += _apply_removals(verification, [component for component, removed in removals.items() if removed])
    if told:
        publish(StatusEvent(connection=connection, verification=verification, told=tuple(told)))
    return any(verdict != "no_verdict" for verdict in verdicts.values()) or any(
        removed is not None for removed in removals.values()
    )


def _note_version(role: CustomerRole, report: RoleReport) -> None:
    """Remember which version the role was made for. A role that is refused may be another one when it is back."""
    known = report.deployed_version if is_version(report.deployed_version) else ""
    if (known or report.refused) and known != role.deployed_version:
        role.deployed_version = known
        role.save(update_fields=["deployed_version"])


def reports_for_a_claimant(reports: Sequence[Report]) -> list[Report]:
    """Of what was found in an account that another tenant proved, in roles that never worked for the verification's own
    tenant, what that tenant may read: of a role that refused us, and of one that is proved to ask for its external ID.
    """
    return [report for report in reports if not any(map(is_in_customers_account, report.receipts)) or _is_safe(report)]


def _is_safe(report: Report) -> bool:
    """Whether the role is proved to let nobody else in."""
    match report:
        case RoleReport():
            return report.external_id_enforced is True and report.trust_too_wide is False
        case TrustReport():
            return report.safe is True
        case _:  # reachability and removal ask no more than whether we get in
            return False


def withhold_receipts(verification: Verification, reports: Sequence[Report], *, withheld: bool) -> None:
    """Keep from the tenant, or let it read, the receipts of the sessions in the customer's roles that were reported."""
    keys = [one.access_key_id for report in reports for one in report.receipts if is_in_customers_account(one)]
    verification.sessions.filter(access_key_id__in=keys).update(withheld=withheld)


def _stands_open(role: CustomerRole, verdict: str) -> bool:
    """Whether the role lets in anybody, and never worked for its tenant before."""
    return verdict == "unsafe" and not role.quarantined and role.worked_at is None


def reachable_roles(reports: Sequence[Report]) -> dict[str, bool]:
    """By component, whether the role is within reach; without those of which it is not known."""
    return {
        report.component: report.reachable
        for report in reports
        if isinstance(report, ReachabilityReport) and report.reachable is not None
    }


def differ(*, verification: Verification, reports: Sequence[Report]) -> bool:
    """Whether a role that works was found out of reach, or one that does not within it: only a whole verification may
    say what that means.
    """
    reachable = reachable_roles(reports)
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


def _apply_removals(verification: Verification, refused: list[str]) -> list[Told]:
    """AWS refuses us where the customer asked us to go: say so, with the date."""
    connection, told = verification.connection, []
    for role in connection.roles.select_for_update().filter(status=Status.REMOVING, component__in=refused):
        role.removed_at = timezone.now()
        told += _change(role, Status.REMOVED, verification)
        role.save(update_fields=["status", "status_since", "removed_at", "told_status"])
        _record(role, connection, "removed", name=role.name)
    going = connection.removal_requested_at and not connection.removed_at
    if going and not connection.roles.exclude(status=Status.REMOVED).exists():
        connection.removed_at = timezone.now()
        connection.save(update_fields=["removed_at"])
        _release_account(connection)
        audit.record("connection:removed", by=SYSTEM, tenant_id=connection.tenant_id, target=connection)
    return told


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


def _apply(
    role: CustomerRole, verdict: str, verification: Verification, *, nothing_deployed_for_long: bool
) -> list[Told]:
    """Give the role the status that the verdict speaks for; what people are told of it, if anything."""
    if verdict == "no_verdict":
        return []
    connection, before = verification.connection, role.status
    if verdict == "unsafe":
        role.quarantined, role.clean_rounds, role.passes = True, 0, 0
        status = Status.UNSAFE
    elif verdict == "not_assumable":
        take_blame(role, verification)
        status = _status_where_refused(role, nothing_deployed_for_long=nothing_deployed_for_long)
        role.clean_rounds = role.passes = 0
    else:
        if verdict in {"connected", "degraded"}:
            role.worked_at = timezone.now()
        role.clean_rounds = min(role.clean_rounds + 1, ROUNDS_TO_LIFT_QUARANTINE)
        passed = verdict in {"connected", "clean"}
        role.passes = min(role.passes + 1, PASSES_TO_CONNECT) if passed else 0
        if role.quarantined and role.clean_rounds >= ROUNDS_TO_LIFT_QUARANTINE:
            role.quarantined = False
            _record(role, connection, "quarantine_lifted", rounds=role.clean_rounds)
        status = _status_where_safe(role, verdict)
    told = _change(role, status, verification)
    if role.status != before:
        _record(role, connection, "status_changed", before=before, after=role.status)
    role.save(
        update_fields=[
            "status",
            "status_since",
            "worked_at",
            "quarantined",
            "clean_rounds",
            "passes",
            "told_status",
        ]
    )
    return told


def _status_where_refused(role: CustomerRole, *, nothing_deployed_for_long: bool) -> Status:
    """`unreachable` is what worked before. A role that let us in a moment ago for the first time is still being spread
    by AWS.
    """
    is_new = may_be_new(Status(role.status), worked_at=role.worked_at, now=timezone.now())
    return Status.AWAITING if is_new and not nothing_deployed_for_long else Status.UNREACHABLE


def _status_where_safe(role: CustomerRole, verdict: str) -> Status:
    """`connected` is what passed twice in a row. After the first pass a role keeps the status that it had."""
    if role.quarantined:
        return Status.UNSAFE
    if verdict == "degraded":
        return Status.DEGRADED
    if verdict != "connected":
        return Status.AWAITING
    if role.status == Status.CONNECTED or role.passes >= PASSES_TO_CONNECT:
        return Status.CONNECTED
    return Status.AWAITING if role.status == Status.UNSAFE else Status(role.status)


def _change(role: CustomerRole, status: Status, verification: Verification) -> list[Told]:
    """Give the role the status and write its history; what people are to be told now.

    Nothing is told twice, and bad news only once a second verification has found it too, so a status that comes and
    goes writes no mails. The open role of `unsafe` is told at once.
    """
    now, changed = timezone.now(), role.status != status
    transaction.on_commit(lambda: count_role_verdict(status, changed=changed))
    if changed:
        write_history([role], status, cause=Cause.VERIFICATION, at=now, verification=verification)
        role.status, role.status_since = status, now
    # A role that passed for the first time keeps its status, which says nothing for that status.
    is_sure = status in TOLD_AT_ONCE if changed else status in TOLD_ONCE_CONFIRMED and not role.passes
    if not is_sure or role.told_status == status:
        return []
    told = Told(role.component, before=role.told_status, after=status)
    role.told_status = status
    return [told]


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
    return not is_proved_by_another(connection)


def is_proved_by_another(connection: Connection) -> bool:
    """Whether another tenant has proved the connection's account before this one."""
    ((by_another,),) = call("account_is_proved_by_another", connection.account_id, connection.tenant_id)
    return bool(by_another)


def _leave_unconfirmed(verification: Verification, verdicts: dict[str, str], components: set[str]) -> None:
    for component in components:
        verdicts[component] = "not_confirmed"
        _not_confirmed(verification, component)


def _not_confirmed(verification: Verification, component: str) -> None:
    Finding.objects.create(
        tenant_id=verification.tenant_id,
        verification=verification,
        component=component,
        check_code="account.confirmed",
        outcome=Finding.Outcome.ERROR,
        cause="account_not_confirmed",
        who=Finding.Who.VENDOR,
        title=gettext_noop("We could not confirm this AWS account for your organisation."),
        fix=gettext_noop("Please contact our support and name the AWS account; nothing is wrong with your role."),
    )
