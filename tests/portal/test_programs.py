"""Everything that a page can do, a program can: every page, and the operations of the API that do the same.

A page that no program needs says why. A new page without a row fails `test_the_table_names_every_page_and_no_other`.
"""

import re
from functools import cache

import pytest
import yaml
from django.conf import settings

from portal.access import LIBRARIES
from tests.portal.access_table import CONNECTION, TABLE, TENANT, WEBHOOK
from tests.portal.addresses import addresses

Operations = tuple[str, ...]

# Reasons for which only a person with a browser can do it.
PUBLIC = "shows no customer's data and does nothing"
PERSON = "is a person's own account, and a token is an organisation's: people prove themselves with a browser"
MAILBOX = "whoever reads the mailbox proves it by opening the link, which is what the link is for"
LINK = "is for people without an account; who holds the link needs no token, and reads it with any program"
TRIAL = "is in trial installations alone, and plays the customer's administrator, whose program calls AWS"
PROVIDER = "a person signs in at their organisation's provider, with a browser"

PAGES: dict[str, Operations | str] = {
    # The portal
    "": PUBLIC,
    "organisations/": ("get_tenant",),
    "livez": PUBLIC,
    "readyz": PUBLIC,
    ".well-known/security.txt": PUBLIC,
    "_mail/": TRIAL,
    "_components/": PUBLIC,
    # Connections and verifications
    f"{TENANT}connections/": ("list_connections",),
    f"{TENANT}connections/verify/": ("request_verifications",),
    f"{TENANT}connections/new/": ("create_connection",),
    CONNECTION: ("get_connection", "list_status_changes", "list_findings", "list_role_updates"),
    f"{CONNECTION}components/": ("update_connection",),
    f"{CONNECTION}account/": ("update_connection",),
    f"{CONNECTION}external-id-rotation/": ("get_external_id_rotation",),
    f"{CONNECTION}external-id-rotation/start/": ("start_external_id_rotation",),
    f"{CONNECTION}external-id-rotation/cancel/": ("cancel_external_id_rotation",),
    f"{CONNECTION}guide/": ("list_components", "get_role_options", "get_role_template"),
    f"{CONNECTION}what-you-will-see/": ("list_sessions",),
    f"{CONNECTION}role-options/": ("get_role_options", "update_role_options"),
    f"{CONNECTION}role-templates/": ("list_role_template_downloads",),
    f"{CONNECTION}role-templates/<slug:template_format>/": ("get_role_template",),
    f"{CONNECTION}role-templates/again/<uuid:download_id>/": ("get_role_template_again",),
    f"{CONNECTION}quick-create/": ("create_quick_create_link",),
    f"{CONNECTION}hand-off/": ("list_hand_off_links", "create_hand_off_link"),
    f"{CONNECTION}hand-off/<uuid:link_id>/revoke/": ("revoke_hand_off_link",),
    "hand-off/<str:text>/": LINK,
    "hand-off/<str:text>/what-you-will-see/": LINK,
    "hand-off/<str:text>/role-templates/<slug:template_format>/": LINK,
    f"{CONNECTION}sandbox-stack/": TRIAL,
    f"{CONNECTION}sandbox-stack/delete/": TRIAL,
    f"{CONNECTION}pause/": ("pause_connection",),
    f"{CONNECTION}resume/": ("resume_connection",),
    f"{CONNECTION}remove/": ("remove_connection",),
    f"{CONNECTION}removal-statement/": ("get_removal_statement",),
    f"{CONNECTION}sessions/": ("list_sessions",),
    f"{CONNECTION}verify/": ("request_verification",),
    f"{CONNECTION}findings/": ("list_findings",),
    f"{CONNECTION}verifications/<uuid:verification_id>/": ("get_verification", "list_verifications"),
    f"{CONNECTION}verifications/<uuid:verification_id>/report/": ("get_verification_report",),
    f"{CONNECTION}verifications/<uuid:verification_id>/report.json": ("get_verification_report",),
    # Audit
    f"{TENANT}audit/": ("list_audit_events",),
    f"{TENANT}audit/export.csv": ("list_audit_events",),
    f"{TENANT}audit/export.json": ("list_audit_events",),
    # Settings
    f"{TENANT}settings/": ("get_tenant", "update_tenant", "list_notification_addresses", "list_recoveries"),
    f"{TENANT}settings/notification-addresses/": ("create_notification_address",),
    f"{TENANT}settings/notification-addresses/<uuid:address_id>/remove/": ("remove_notification_address",),
    f"{TENANT}settings/export/": ("export_data",),
    f"{TENANT}settings/recoveries/<uuid:recovery_id>/cancel/": ("cancel_recovery",),
    f"{TENANT}settings/delete/": ("request_tenant_deletion",),
    f"{TENANT}settings/delete/cancel/": ("cancel_tenant_deletion",),
    "notification-addresses/<slug:secret>/": MAILBOX,
    # Webhooks
    f"{TENANT}settings/webhooks/": ("list_webhook_endpoints",),
    f"{TENANT}settings/webhooks/new/": ("create_webhook_endpoint",),
    WEBHOOK: ("get_webhook_endpoint", "update_webhook_endpoint", "list_webhook_deliveries"),
    f"{WEBHOOK}delete/": ("delete_webhook_endpoint",),
    f"{WEBHOOK}rotate/": ("rotate_webhook_secret",),
    f"{WEBHOOK}test/": ("test_webhook_endpoint",),
    f"{WEBHOOK}deliveries/<uuid:delivery_id>/": ("get_webhook_delivery",),
    f"{WEBHOOK}deliveries/<uuid:delivery_id>/replay/": ("replay_webhook_delivery",),
    # Single sign-on
    f"{TENANT}settings/single-sign-on/": ("get_single_sign_on", "update_single_sign_on", "list_domains"),
    f"{TENANT}settings/single-sign-on/remove/": ("remove_single_sign_on",),
    f"{TENANT}settings/single-sign-on/domains/": ("create_domain",),
    f"{TENANT}settings/single-sign-on/domains/<uuid:domain_id>/remove/": ("remove_domain",),
    "domains/<slug:secret>/": MAILBOX,
    "accounts/single-sign-on/": PROVIDER,
    "accounts/single-sign-on/<uuid:tenant_id>/": PROVIDER,
    "accounts/single-sign-on/<uuid:tenant_id>/callback/": PROVIDER,
    # A person's own data
    "accounts/your-data/": PERSON,
    "accounts/your-data/export/": PERSON,
    "accounts/your-data/delete/": PERSON,
    "accounts/your-data/delete/confirm/": PERSON,
    # Members and invitations
    f"{TENANT}members/": ("list_members", "list_invitations"),
    f"{TENANT}members/invite/": ("create_invitation",),
    f"{TENANT}members/<uuid:user_id>/": ("get_member", "update_member"),
    f"{TENANT}members/<uuid:user_id>/remove/": ("remove_member",),
    f"{TENANT}members/<uuid:user_id>/transfer/": ("transfer_ownership",),
    f"{TENANT}members/leave/": ("remove_member",),
    f"{TENANT}invitations/<uuid:invitation_id>/resend/": ("resend_invitation",),
    f"{TENANT}invitations/<uuid:invitation_id>/revoke/": ("revoke_invitation",),
    "invitations/<slug:secret>/": MAILBOX,
    "invitation/": MAILBOX,
    # A tenant's API tokens
    f"{TENANT}api-tokens/": ("list_api_tokens", "create_api_token"),
    f"{TENANT}api-tokens/<uuid:token_id>/revoke/": ("revoke_api_token",),
}


# The page posts, so that nothing fetches it unasked; what it gives is read.
READ_BY_POST = {f"{TENANT}settings/export/"}


def pages() -> dict[str, str | None]:
    """Every address that is neither of the API nor of the vendor's staff, with its name."""
    return {route: pattern.name for route, pattern, _ in addresses() if not re.match(r"\^?(api|admin)/", route)}


@cache
def operations() -> dict[str, str]:
    """What a token of an organisation can ask for: the id of each operation, and its method."""
    document = yaml.safe_load((settings.BASE_DIR / "docs" / "reference" / "openapi.yaml").read_text())
    return {
        operation["operationId"]: method
        for methods in document["paths"].values()
        for method, operation in methods.items()
        if operation["security"][0].keys() == {"apiToken"}
    }


def what_does_it(route: str, name: str | None) -> Operations | str | None:
    """The operations that do what a page does, or why there are none; None if nobody said."""
    # allauth's pages: sign-in, password, second factor, addresses and sessions of a person.
    return PAGES.get(route) or (PERSON if name in LIBRARIES else None)


def test_the_table_names_every_page_and_no_other() -> None:
    assert [route for route, name in pages().items() if what_does_it(route, name) is None] == []
    assert PAGES.keys() <= pages().keys()


def test_a_new_page_has_no_row_of_its_own_accord() -> None:
    assert what_does_it(f"{TENANT}settings/new/", "settings_new") is None
    assert what_does_it("accounts/new/", "account_new") is None


@pytest.mark.parametrize("route", [route for route in PAGES if not isinstance(PAGES[route], str)])
def test_what_does_the_same_is_in_the_document_and_changes_something_where_the_page_does(route) -> None:
    known, named = operations(), PAGES[route]

    unknown = [name for name in named if name not in known]
    assert unknown == []
    if route not in READ_BY_POST and any(row.method == "post" for row in TABLE[route]):
        assert any(known[name] != "get" for name in named), "the page changes something, and these only read"


def test_every_operation_of_a_token_is_behind_a_page() -> None:
    """The other way round, a row forgets none: what only one thing of a list shows goes with its list."""
    behind = {name for named in PAGES.values() if not isinstance(named, str) for name in named}

    without = operations().keys() - behind
    assert without == {
        "get_api_token",
        "get_domain",
        "get_hand_off_link",
        "get_invitation",
        "get_notification_address",
        "get_recovery",
    }
