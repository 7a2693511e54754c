"""The vendor's own side: checked regularly, apart from any customer's role; and whether customers still trust it (F9).

While our own side is broken nothing can be said of a customer's, so scheduled verifications wait. A customer's role is
never blamed for it.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations.actions import emergency_stop
from integrations.actions.role_jobs import Report
from integrations.actions.vendor_sessions import keep_vendor_sessions
from integrations.aws.report import Outcome, RoleReport
from integrations.aws.verify import prove_vendor_identity
from integrations.catalogue_file import catalogue
from integrations.models import CustomerRole, Finding, IntegrationRole, VendorIdentity, Verification
from integrations.vendor import vendor_settings
from tenants import audit
from tenants.audit import SYSTEM, Actor
from tenants.scope import installation_scope

logger = logging.getLogger(__name__)

# A check that is older than this says nothing any more: nobody checks.
STALE_AFTER = timedelta(minutes=5)
WHAT_TO_DO = (
    "Customer roles whose trust policy names the role as its principal are broken: AWS stored the id of the old one. "
    "Those that name your account's root with a condition on the ARN still work. If nobody of yours recreated the "
    "role, start the emergency stop. Otherwise ask the customers whose connections are unreachable to deploy their "
    "role template again, and acknowledge."
)


class NoReason(ValueError):
    """A recreated role is acknowledged with a reason, which the audit events keep."""


def check_vendor() -> bool:
    """Prove our own side for real and keep what it came to; whether it works. Nothing is tried while all is stopped."""
    if emergency_stop.obey():
        return True
    vendor = vendor_settings()
    report = prove_vendor_identity(vendor, [component.id for component in catalogue().components])
    keep_vendor_sessions(vendor)
    finding, now = report.finding, timezone.now()
    works = finding.outcome is not Outcome.ERROR  # asked to slow down, it is not broken
    with installation_scope():
        before = VendorIdentity.objects.select_for_update().filter(pk=1).first()
        is_news = before is None or before.works != works
        VendorIdentity.objects.update_or_create(
            pk=1,
            defaults={
                "works": works,
                "since": now if before is None or is_news else before.since,
                "checked_at": now,
                "cause": "" if works else finding.cause,
                "detail": "" if works else finding.detail,
                "broken_components": dict(report.broken_components),
            },
        )
    if is_news and not works:
        logger.error("Our own identity does not reach our integration role: %s %s", finding.cause, finding.detail)
    known = before.broken_components if before is not None else {}
    for component, said in report.broken_components:
        if component not in known:
            logger.error("The component role of %s does not reach our integration role: %s", component, said)
    trusted = emergency_stop.trusted_roles()
    for role_arn, role_id in report.entered:
        if role_arn in trusted:
            remember_role(role_arn=role_arn, role_id=role_id)
    return works


def broken_components() -> frozenset[str]:
    """The components whose own role does not work, as the last check found; none where nobody has looked lately."""
    identity = VendorIdentity.objects.filter(checked_at__gt=timezone.now() - STALE_AFTER).first()
    return frozenset(identity.broken_components) if identity is not None else frozenset()


def stands_in_the_way(components: Iterable[str]) -> bool:
    """Whether our own side is broken for one of these components, as the last check found; one query."""
    identity = VendorIdentity.objects.filter(checked_at__gt=timezone.now() - STALE_AFTER).first()
    return identity is not None and (not identity.works or not set(identity.broken_components).isdisjoint(components))


def broken_identity() -> VendorIdentity | None:
    """What is wrong with our own side, None where nothing is or nobody has looked lately."""
    return VendorIdentity.objects.filter(works=False, checked_at__gt=timezone.now() - STALE_AFTER).first()


def remember_roles(reports: Iterable[Report]) -> None:
    """Remember the id of each trusted role that verifications met."""
    vendor = vendor_settings()
    for role_arn, role_id in {
        (vendor.trusted_principal_arn(report.component), report.integration_role_id)
        for report in reports
        if isinstance(report, RoleReport) and report.integration_role_id
    }:
        remember_role(role_arn=role_arn, role_id=role_id)


def remember_role(*, role_arn: str, role_id: str) -> None:
    """Remember the unique id of a role that customers trust. Another id than the one we know raises the alarm."""
    now = timezone.now()
    with installation_scope():
        is_first = not IntegrationRole.objects.filter(role_arn=role_arn).exists()
        role, is_new = IntegrationRole.objects.get_or_create(
            role_arn=role_arn,
            role_id=role_id,
            defaults={"first_seen_at": now, "acknowledged_at": now if is_first else None},
        )
        if not is_new or is_first:
            return
        audit.record("integration_role:recreated", by=SYSTEM, tenant_id=None, target=role, role_arn=role_arn)
    logger.error("The role %s was recreated: its id is %s now. %s", role_arn, role_id, WHAT_TO_DO)


def recreated_roles() -> list[IntegrationRole]:
    """The trusted roles that were recreated and nobody acknowledged yet."""
    return list(IntegrationRole.objects.filter(acknowledged_at=None))


def acknowledge_role(*, role: IntegrationRole, reason: str, by: Actor) -> None:
    """Say that it is known why the role has another id. Doing it twice changes nothing.

    Raises:
        NoReason: nothing is changed.
    """
    if not reason.strip():
        raise NoReason("Give a reason: the audit events keep it.")
    with installation_scope():
        found = IntegrationRole.objects.select_for_update().get(pk=role.pk)
        if found.acknowledged_at is not None:
            return
        found.acknowledged_at, found.acknowledged_by, found.reason = timezone.now(), by.name, reason
        found.save(update_fields=["acknowledged_at", "acknowledged_by", "reason"])
        audit.record("integration_role:acknowledged", by=by, tenant_id=None, target=found, reason=reason)


def take_blame(role: CustomerRole, verification: Verification) -> None:
    """Where a role that worked refuses us after our own role was recreated, say that it is our doing."""
    trusted = vendor_settings().trusted_principal_arn(role.component)
    seen = IntegrationRole.objects.filter(role_arn=trusted).order_by("first_seen_at")
    recreated_at = list(seen.values_list("first_seen_at", flat=True))[1:]
    if not recreated_at or role.worked_at is None or role.worked_at >= recreated_at[-1]:
        return
    verification.findings.filter(
        component=role.component,
        cause__in=["role_not_assumable", "role_young", "control_refused"],
        outcome=Finding.Outcome.DENIED,
    ).update(
        outcome=Finding.Outcome.ERROR,
        cause="integration_role_recreated",
        who=Finding.Who.VENDOR,
        title=gettext_noop("We made our own role anew, and yours still knows the old one"),
        fix=gettext_noop(
            "This is our doing, and our support staff can see it. Deploying the current role template again repairs it."
        ),
    )


def alarm_states() -> dict[str, bool]:
    """Whether each alarm is on, by its stable code: what of the vendor's own needs somebody, the most urgent first."""
    return {
        "emergency_stop": emergency_stop.active_stop() is not None,
        "integration_role_recreated": bool(recreated_roles()),
        "vendor_identity_broken": broken_identity() is not None,
        "component_role_broken": bool(broken_components()),
    }


def alarms() -> list[str]:
    """The codes of the alarms that are on, the most urgent first."""
    return [code for code, is_on in alarm_states().items() if is_on]
