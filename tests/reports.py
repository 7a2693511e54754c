"""What the engine could have found of a customer role, applied as a verification of its own."""

from typing import Any

from integrations.actions import role_statuses
from integrations.actions.verifications import plan_next
from integrations.aws.report import RoleReport
from integrations.models import Connection, Verification
from tenants.scope import tenant_scope

_GOOD: dict[str, Any] = {
    "findings": (),
    "assumable": True,
    "refused": False,
    "external_id_enforced": True,
    "permissions_ok": True,
    "vendor_fault": False,
    "trust_too_wide": False,
}
_FOUND: dict[str, dict[str, Any]] = {
    "passed": {},
    "degraded": {"permissions_ok": False},
    "refused": {"assumable": False, "refused": True, "external_id_enforced": None, "permissions_ok": None},
    "unsafe": {"external_id_enforced": False},
    "no_verdict": {"assumable": False, "external_id_enforced": None, "permissions_ok": None, "vendor_fault": True},
}


def found(connection: Connection, **of_component: str) -> Verification:
    """A verification that found these: `passed`, `degraded`, `refused`, `unsafe` or `no_verdict`, by component."""
    with tenant_scope(connection.tenant_id):
        verification = Verification.objects.create(
            tenant_id=connection.tenant_id, connection=connection, state="completed", requested_by="Test"
        )
        verification = Verification.objects.select_related("connection").get(pk=verification.pk)
        reports = [
            RoleReport(component=component.replace("_", "-"), **(_GOOD | _FOUND[what]))
            for component, what in of_component.items()
        ]
        verdict = role_statuses.apply_reports(verification=verification, reports=reports)
        plan_next(verification.connection, failed=not verdict)
    return verification
