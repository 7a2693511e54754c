"""WCAG 2.2 AA on every page, by axe-core, in light and dark; a test keeps the list of pages complete."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from integrations.actions.connections import create_connection
from integrations.actions.external_id_rotations import start_rotation
from integrations.actions.hand_off_links import create_hand_off_link
from integrations.actions.offboarding import request_removal
from integrations.actions.pausing import pause
from integrations.actions.role_templates import download_role_template
from integrations.actions.verifications import request_verification
from integrations.models import Connection, Finding, Verification
from integrations.role_templates.formats import Format
from tenants.actions.invitations import invite
from tenants.actions.tokens import create_token
from tenants.audit import SYSTEM
from tenants.models import Member
from tenants.permissions import Role
from tenants.scope import tenant_scope
from tests.catalogues import release_older_log_analysis
from tests.functional.customer_pages import take_session
from tests.receipts import open_session
from tests.second_factor import code_of

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

ANONYMOUS = {
    "home": "/",
    "account_login": "/accounts/login/",
    "account_signup": "/accounts/signup/",
    "account_reset_password": "/accounts/password/reset/",
    "account_reset_password_done": "/accounts/password/reset/done/",
    "account_reset_password_from_key": "/accounts/password/reset/key/1-nothing/",
    "account_reset_password_from_key_done": "/accounts/password/reset/key/done/",
    "account_inactive": "/accounts/inactive/",
    "invitation": "/invitation/",
    "notification_address_confirm": "/notification-addresses/unknown/",
    "mailbox": "/_mail/",
    "gallery": "/_components/",
    "(404)": "/nothing/here/",
}
SIGNED_IN = {
    "organisations": "/organisations/",
    "account_logout": "/accounts/logout/",
    "account_change_password": "/accounts/password/change/",
    "account_email": "/accounts/email/",
    "account_reauthenticate": "/accounts/reauthenticate/",
    "usersessions_list": "/accounts/sessions/",
    "mfa_index": "/accounts/second-factor/",
    "audit_events": "/tenants/{tenant}/audit/",
    "tenant_settings": "/tenants/{tenant}/settings/",
    "tenant_delete": "/tenants/{tenant}/settings/delete/",
    "connections": "/tenants/{tenant}/connections/",
    "connection_new": "/tenants/{tenant}/connections/new/",
    "connection": "/tenants/{tenant}/connections/{connection}/",
    "(connection, nothing done yet)": "/tenants/{tenant}/connections/{fresh}/",
    "(connection, one component paused)": "/tenants/{tenant}/connections/{paused}/",
    "(connection, being removed)": "/tenants/{tenant}/connections/{removing}/",
    "(connection, removed)": "/tenants/{tenant}/connections/{removed}/",
    "connection_remove": "/tenants/{tenant}/connections/{connection}/remove/",
    "removal_statement": "/tenants/{tenant}/connections/{removed}/removal-statement/",
    "(connection, an update of its roles)": "/tenants/{tenant}/connections/{updated}/",
    "external_id_rotation": "/tenants/{tenant}/connections/{rotating}/external-id-rotation/",
    "(rotation, none yet)": "/tenants/{tenant}/connections/{connection}/external-id-rotation/",
    "guide": "/tenants/{tenant}/connections/{connection}/guide/",
    "(guide, no account yet)": "/tenants/{tenant}/connections/{fresh}/guide/",
    "what_you_will_see": "/tenants/{tenant}/connections/{connection}/what-you-will-see/",
    "(connection, Terraform)": "/tenants/{tenant}/connections/{connection}/?format=terraform",
    "(connection, command line)": "/tenants/{tenant}/connections/{connection}/?format=cli",
    "(connection, by hand)": "/tenants/{tenant}/connections/{connection}/?format=console",
    "role_options": "/tenants/{tenant}/connections/{connection}/role-options/",
    "role_template_downloads": "/tenants/{tenant}/connections/{connection}/role-templates/",
    "hand_off_links": "/tenants/{tenant}/connections/{connection}/hand-off/",
    "hand_off": "/hand-off/{hand_off}/",
    "hand_off_will_see": "/hand-off/{hand_off}/what-you-will-see/",
    "(hand-off link, unknown)": "/hand-off/unknown/",
    "sessions": "/tenants/{tenant}/connections/{connection}/sessions/",
    "(sessions, none)": "/tenants/{tenant}/connections/{fresh}/sessions/",
    "verification": "/tenants/{tenant}/connections/{connection}/verifications/{verification}/",
    "members": "/tenants/{tenant}/members/",
    "invite": "/tenants/{tenant}/members/invite/",
    "member": "/tenants/{tenant}/members/{viewer}/",
    "member_remove": "/tenants/{tenant}/members/{viewer}/remove/",
    "ownership_transfer": "/tenants/{tenant}/members/{viewer}/transfer/",
    "leave": "/tenants/{tenant}/members/leave/",
    "api_tokens": "/tenants/{tenant}/api-tokens/",
    "api_token_revoke": "/tenants/{tenant}/api-tokens/{token}/revoke/",
}
# What is no page of its own.
NOT_PAGES = {
    "livez",
    "readyz",
    "account_email_verification_sent",  # checked within the sign-up below
    "connection_components",  # these answer a POST with the connection page
    "connection_account",
    "connection_pause",  # these lead to it
    "connection_resume",
    "rotation_start",  # these lead to the rotation
    "rotation_cancel",
    "role_template",  # these are files
    "role_template_again",
    "hand_off_template",
    "quick_create",  # checked where there is a bucket
    "hand_off_link_revoke",  # leads to the list
    "mfa_reauthenticate",
    "mfa_authenticate",  # these are checked in a sign-in of their own below
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",  # a file
    "data_export",
    "audit_export_csv",
    "audit_export_json",
    "notification_address_add",  # these lead to the settings
    "notification_address_remove",
    "tenant_delete_cancel",
    "recovery_cancel",
    "invitation_link",  # leads to the invitation, checked in a test of its own
    "invitation_resend",  # these lead to the members
    "invitation_revoke",
    "sandbox_stack_deploy",
    "sandbox_stack_delete",
    "verify",
}


def violations(page) -> list[str]:
    """What axe finds on the page as it stands."""
    page.evaluate(AXE)
    result = page.evaluate("tags => axe.run(document, {runOnly: tags})", TAGS)
    return [
        f"{page.url} {violation['id']}: {violation['help']} {[node['target'] for node in violation['nodes']]}"
        for violation in result["violations"]
    ]


@pytest.fixture(params=["light", "dark"])
def page(browser, live_portal, db, request):
    context = browser.new_context(base_url=live_portal, color_scheme=request.param, bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def ids(cast) -> dict[str, str]:
    """A connection with a verification in which every outcome occurs, and a token."""
    with tenant_scope(cast.tenant.pk):
        fresh = create_connection(tenant=cast.tenant, name="Fresh", components=[], by=SYSTEM)
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
        verification = request_verification(connection=connection, by=SYSTEM)
        token, _ = create_token(tenant=cast.tenant, name="Pipeline", user=cast.owner, by=SYSTEM)
        _, hand_off = create_hand_off_link(connection=connection, by=SYSTEM)
        download_role_template(connection=connection, chosen=Format.TERRAFORM_ZIP, by=SYSTEM)
        permissions = ("ec2:DescribeInstances", "ec2:DescribeRegions", "cloudwatch:ListMetrics")
        checks = [("chain.base_to_component", ""), ("chain.component_to_integration", "")]
        checks += [("chain.integration_to_customer", ""), ("trust.no_external_id", "")]
        checks += [("permission", action) for action in permissions]
        for (code, action), outcome in zip(checks, Finding.Outcome.values, strict=True):
            Finding.objects.create(
                tenant=cast.tenant,
                verification=verification,
                component="compute-analysis",
                check_code=code,
                action=action,
                outcome=outcome,
                who=Finding.Who.CUSTOMER,
                title=f"This was {outcome}",
                fix="Do something about it.",
                detail="AWS said so.",
            )
        Verification.objects.filter(pk=verification.pk).update(state="completed")
        owner = Member.objects.get(user=cast.owner)
        invite(tenant=cast.tenant, email="invited@example.com", role=Role.VIEWER, acting=owner, by=SYSTEM)
        for number in range(1, 4):
            open_session(verification, number)
        account = {"tenant": cast.tenant, "account_id": "222233334444", "by": SYSTEM}
        paused, removing, removed = (create_connection(name=name, **account) for name in ("Paused", "Going", "Gone"))
        updated = create_connection(name="Older roles", **account)
        updated.roles.filter(component="log-analysis").update(deployed_version=release_older_log_analysis())
        rotating = create_connection(name="Rotating", **account)
        start_rotation(connection=rotating, by=SYSTEM)
        pause(connection=paused, components=["log-analysis"], by=SYSTEM)
        for going in (removing, removed):
            request_removal(connection=going, by=SYSTEM)
            going.verifications.update(state="completed")
        now = timezone.now()
        Connection.objects.filter(pk=removing.pk).update(next_verification_at=now + timedelta(minutes=5))
        Connection.objects.filter(pk=removed.pk).update(removed_at=now)
        removed.roles.update(status="removed", removed_at=now)
    return {
        "paused": str(paused.pk),
        "rotating": str(rotating.pk),
        "updated": str(updated.pk),
        "removing": str(removing.pk),
        "removed": str(removed.pk),
        "tenant": str(cast.tenant.pk),
        "fresh": str(fresh.pk),
        "connection": str(connection.pk),
        "verification": str(verification.pk),
        "token": str(token.pk),
        "hand_off": hand_off,
        "viewer": str(cast.viewer.pk),
    }


def test_no_page_for_visitors_breaks_a_rule(page) -> None:
    found = []

    for address in ANONYMOUS.values():
        page.goto(address)
        found += violations(page)

    assert found == []


def test_no_page_for_members_breaks_a_rule(page, cast, ids, sign_in, live_portal) -> None:
    found = []

    take_session(page, sign_in(cast.owner), live_portal)
    for address in SIGNED_IN.values():
        page.goto(address.format_map(ids))
        assert page.url.endswith(address.format_map(ids))
        found += violations(page)

    assert found == []


def test_forms_with_errors_break_no_rule(page, cast, ids, sign_in, live_portal) -> None:
    found = []

    page.goto("/accounts/signup/")
    page.get_by_role("button", name="Sign up").click()
    found += violations(page)
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto("/tenants/{tenant}/connections/{connection}/".format_map(ids))
    page.locator("#account summary").first.click()
    page.get_by_label("AWS account ID").fill("twelve")
    page.get_by_role("button", name="Save the account ID").click()
    found += violations(page)
    page.goto("/tenants/{tenant}/api-tokens/".format_map(ids))
    page.get_by_label("Name").fill("Another")
    page.get_by_role("button", name="Make the token").click()
    found += violations(page)

    assert found == []


def test_the_code_page_breaks_no_rule(page) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Organisation").fill("Blue Harbour")
    page.get_by_label("Email").fill("somebody@example.com")
    page.get_by_label("Password").fill("a long and rather quiet password")
    page.get_by_role("button", name="Sign up").click()

    assert page.get_by_role("heading", level=1).inner_text() == "Enter the code we sent you"
    assert violations(page) == []


def test_setting_up_a_second_factor_and_signing_in_with_it_breaks_no_rule(page, cast) -> None:
    EmailAddress.objects.create(user=cast.viewer, email=cast.viewer.email, verified=True, primary=True)
    found = []

    page.goto("/accounts/login/?next=/accounts/second-factor/app/")
    page.get_by_label("Email").fill(cast.viewer.email)
    page.get_by_label("Password").fill(cast.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Password").fill(cast.password)
    page.get_by_role("button", name="Confirm").click()
    found += violations(page)
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Authenticator code").fill(code_of(secret))
    page.get_by_role("button", name="Set it up").click()
    found += violations(page)
    recovery_code = page.locator(".codes li").first.inner_text()
    for address in ("", "reauthenticate/", "app/remove/", "recovery-codes/new/"):
        page.goto(f"/accounts/second-factor/{address}")
        found += violations(page)
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(cast.viewer.email)
    page.get_by_label("Password").fill(cast.password)
    page.get_by_role("button", name="Sign in").click()
    found += violations(page)
    page.get_by_label("Code").fill(recovery_code)
    page.get_by_role("button", name="Sign in").click()

    assert page.get_by_role("heading", level=1).inner_text() == "Connections"
    assert found == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_is_wider_than_the_screen(browser, live_portal, cast, ids, sign_in, width) -> None:
    context = browser.new_context(base_url=live_portal, viewport={"width": width, "height": 800})
    page = context.new_page()
    too_wide = []

    for address in ANONYMOUS.values():
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            too_wide.append(address)
    take_session(page, sign_in(cast.owner), live_portal)
    for address in SIGNED_IN.values():
        page.goto(address.format_map(ids))
        if page.evaluate("document.documentElement.scrollWidth") > width:
            too_wide.append(address)

    assert too_wide == []
    context.close()


def test_every_page_is_on_the_list() -> None:
    listed = ANONYMOUS.keys() | SIGNED_IN.keys() | NOT_PAGES

    unlisted = {name for name in _page_names(get_resolver()) if name not in listed}

    assert unlisted == set()


def _page_names(resolver) -> set[str]:
    """The names of all addresses but those of the API and of Django admin."""
    names = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            if pattern.name:
                names.add(pattern.name)
        elif not re.match(r"admin/|api/", str(pattern.pattern)):
            names |= _page_names(pattern)
    return names
