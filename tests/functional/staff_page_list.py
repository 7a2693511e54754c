"""Every page for support staff, and one of everything that they show beside what customers see."""

from datetime import timedelta

from django.contrib import admin
from django.utils import timezone

from integrations.models import (
    EmergencyStop,
    Finding,
    IntegrationRole,
    VendorExamination,
    VendorIdentity,
    VendorSession,
    Verification,
)
from tenants.actions.service_tokens import create_service_token
from tenants.audit import SYSTEM
from tenants.scope import staff_scope, tenant_scope
from tests.functional.page_list import make_things

# The lists, and the page of the first row of each, are as many as there are models.
PAGES = {
    "index": "/admin/",
    "app_list": "/admin/integrations/",
    "(connections, filtered)": "/admin/integrations/connection/?status=awaiting&for=1",
    "(connections, none found)": "/admin/integrations/connection/?q=nothing+like+it",
    "(members, none found)": "/admin/tenants/member/?q=nobody",
    "(connection with findings)": "/admin/integrations/connection/{connection}/change/",
    "(connection, being rotated)": "/admin/integrations/connection/{rotating}/change/",
    "(verification with findings)": "/admin/integrations/verification/{verification}/change/",
    "(recreated role)": "/admin/integrations/integrationrole/{recreated}/change/",
    "integrations_connection_verify": "/admin/integrations/connection/{connection}/verify/",
    "integrations_connection_pause": "/admin/integrations/connection/{connection}/pause/",
    "tenants_tenant_resend_invitation": "/admin/tenants/tenant/{tenant}/resend-invitation/",
    "tenants_tenant_revoke_token": "/admin/tenants/tenant/{tenant}/revoke-token/",
    "tenants_tenant_customer_number": "/admin/tenants/tenant/{tenant}/customer-number/",
    "tenants_tenant_recovery": "/admin/tenants/tenant/{tenant}/recovery/",
    "tenants_servicetoken_make": "/admin/tenants/servicetoken/make/",
    "tenants_servicetoken_revoke": "/admin/tenants/servicetoken/{service_token}/revoke/",
}
# What is no page of its own.
NOT_PAGES = {
    "search",  # a part of a page, which the theme asks for
    "login",  # leads to the portal's own page
    "logout",
    "password_change",
    "jsi18n",  # a script
    "emergency_stop_switch",  # these answer a POST and lead to a page
    "integrations_vendorexamination_examine",
    "integration_role_acknowledge",
}
NEVER_ALLOWED = ("_add", "_delete", "_history")  # of any model: nobody adds or deletes, and audit events say what was


def lists() -> dict[str, str]:
    """The list of each registered model, by the name of its address."""
    return {
        f"{model._meta.app_label}_{model._meta.model_name}_changelist": _address(model)
        for model in admin.site._registry
    }


def details() -> dict[str, str]:
    """The page of the first row of each registered model, by the name of its address."""
    found = {}
    with staff_scope():
        for model in admin.site._registry:
            row = model._default_manager.using("staff").only("pk").first()
            assert row, f"There is no {model._meta.verbose_name} to look at: make one in `make_staff_things`."
            found[f"{model._meta.app_label}_{model._meta.model_name}_change"] = f"{_address(model)}{row.pk}/change/"
    return found


def _address(model) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def make_staff_things(cast) -> dict[str, str]:
    """One of everything that a page for staff shows, by the name that addresses give its id."""
    ids = make_things(cast)
    now = timezone.now()
    with tenant_scope(cast.tenant.pk):
        Finding.objects.filter(verification_id=ids["verification"]).update(cause="role_not_assumable")
        Verification.objects.create(
            tenant=cast.tenant, connection_id=ids["connection"], state="failed", failure="worker_lost", finished_at=now
        )
    service_token, _ = create_service_token(name="Product", days=1, reason="The product needs it.", by=SYSTEM)
    VendorIdentity.objects.create(
        works=False, since=now, checked_at=now, cause="chain_broken", detail="AWS said so.",
        broken_components={"log-analysis": "AccessDenied"},
    )  # fmt: skip
    role_arn = "arn:aws:iam::111111111111:role/rolebridge-integration"
    IntegrationRole.objects.create(
        role_arn=role_arn, role_id="AROA1", first_seen_at=now - timedelta(days=9), acknowledged_at=now,
        acknowledged_by=cast.staff.email, reason="It is the first one.",
    )  # fmt: skip
    recreated = IntegrationRole.objects.create(role_arn=role_arn, role_id="AROA2", first_seen_at=now)
    VendorSession.objects.create(
        component="log-analysis", purpose="canary", opened_at=now, expires_at=now + timedelta(minutes=15),
        role_arn=role_arn, session_name="rolebridge-canary", access_key_id="ASIAQ3EXAMPLE0000099",
    )  # fmt: skip
    EmergencyStop.objects.create(
        is_active=False, reason="A drill.", started_at=now, started_by=cast.staff.email, lifted_at=now,
        lifted_by=cast.staff.email, lift_reason="The drill is over.",
    )  # fmt: skip
    for state in VendorExamination.State.values:
        VendorExamination.objects.create(
            state=state, requested_by=cast.staff.email, finished_at=now, integration_role_id="AROA2",
            report={
                "checks": [
                    {"about": "base", "title": "It works", "state": "passed", "fix": "", "detail": ""},
                    {"about": "log-analysis", "title": "It is broken", "state": "failed", "fix": "Mend it.",
                     "detail": "AWS said so."},
                ],
                "meters": [{"about": "account", "name": "roles", "used": 4, "limit": 1000, "unit": "roles"}],
            },
        )  # fmt: skip
    return ids | {"recreated": str(recreated.pk), "service_token": str(service_token.pk)}
