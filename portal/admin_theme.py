"""How unfold draws the pages for staff: their titles, what stands on each of them, and the way between them."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Rolebridge staff",
    "SITE_HEADER": "Rolebridge staff",
    "SITE_URL": "/",
    "ENVIRONMENT": "integrations.admin.alarms.badge",  # on every page of admin while there is an alarm
    "DASHBOARD_CALLBACK": "integrations.admin.dashboard.dashboard",
    "SHOW_HISTORY": False,  # audit events say more
    # What the theme lacks for who works by keyboard or by ear.
    "STYLES": [lambda _request: static("css/staff.css")],
    "SCRIPTS": [lambda _request: static("js/staff.js")],
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}
                    for title, icon, model in [
                        ("Tenants", "apartment", "tenants_tenant"),
                        ("Connections", "cable", "integrations_connection"),
                        ("Verifications", "fact_check", "integrations_verification"),
                        ("Emergency stop", "front_hand", "integrations_emergencystop"),
                        ("Our own identity", "badge", "integrations_vendoridentity"),
                        ("Trusted roles", "key_vertical", "integrations_integrationrole"),
                        ("Vendor doctor", "stethoscope", "integrations_vendorexamination"),
                        ("Service tokens", "passkey", "tenants_servicetoken"),
                        ("Members", "group", "tenants_member"),
                        ("API tokens", "key", "tenants_apitoken"),
                        ("Audit events", "history", "tenants_auditevent"),
                    ]
                ]
            }
        ]
    },
}
