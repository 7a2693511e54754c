"""The page of a connection's sessions, each by its receipt."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from integrations.catalogue_file import catalogue
from integrations.models import Session
from integrations.trail_queries import queries_for
from integrations.vendor import vendor_settings
from integrations.views.connections import find_connection
from tenants.access import MemberRequest, member
from tenants.permissions import Permission

SHOWN_AT_ONCE = 50

Purpose = Session.Purpose
PURPOSES = {
    Purpose.VERIFICATION: _("Verification: to walk the chain and try each permission"),
    Purpose.TRUST_TEST: _("Trust test: to try that your role lets us in with your external ID alone"),
    Purpose.CANARY: _("Canary: to try that your role refuses every other role of ours"),
    Purpose.GRANT_TEST: _("Grant test: to try that what we do not need is denied to us"),
    Purpose.INSPECTION: _("Inspection: to read your role's own policies, as you allowed"),
    Purpose.PRODUCT: _("Product: to do the work that you connected the account for"),
    Purpose.IDENTITY_CHECK: _("Identity check: to see that our own side works"),
}


@member(Permission.VIEW)
def sessions(request: MemberRequest, connection_id: UUID) -> HttpResponse:
    """The sessions that were opened for a connection, the latest first, with the queries that find those shown."""
    found = find_connection(request, connection_id)
    page = Paginator(found.sessions.shown(), SHOWN_AT_ONCE).get_page(request.GET.get("page"))
    vendor_account = vendor_settings().vendor_account_id
    context = {
        "section": "connections",
        "connection": found,
        "page": page,
        "rows": [
            {
                "session": session,
                "component": catalogue().name_of(session.component),
                "purpose": PURPOSES.get(Purpose(session.purpose), session.get_purpose_display()),
                "ours": session.role_arn.split(":")[4] == vendor_account,
            }
            for session in page
        ],
        "queries": queries_for(page, vendor_account_id=vendor_account),
    }
    return render(request, "integrations/sessions.html", context)
