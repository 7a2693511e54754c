"""WCAG 2.2 AA on every page, by axe-core, in light and dark, and none wider than the screen; a test keeps the list of
pages complete.
"""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import AnonymousUser
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from playwright.sync_api import expect

from integrations.actions.connections import create_connection
from portal.local.services import ROOT
from tenants.actions.single_sign_on import add_domain, configure_provider
from tenants.audit import SYSTEM
from tenants.models import TenantDomain
from tenants.scope import tenant_scope
from tests.functional.axe import violations
from tests.functional.customer_pages import follow, take_session
from tests.functional.page_list import ANONYMOUS, NOT_PAGES, SIGNED_IN
from tests.oidc_provider import oidc_provider
from tests.second_factor import code_of


@pytest.fixture
def page(browser, live_portal, db):
    context = browser.new_context(base_url=live_portal)
    yield context.new_page()
    context.close()


def faults(page) -> list[str]:
    """What axe finds on the page as it stands, and the widths of a screen than which it is wider."""
    found = []
    for width in (360, 768, 1280):  # the last one is how axe sees it
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{page.url} is wider than {width} px")
    return found + violations(page)


def faults_of_each(page, addresses) -> list[str]:
    """What is wrong with these pages, each loaded anew."""
    found = []
    for address in addresses:
        page.goto(address)
        assert page.url.endswith(address)
        found += faults(page)
    return found


def test_no_page_for_visitors_breaks_a_rule_or_is_wider_than_the_screen(page) -> None:
    assert faults_of_each(page, ANONYMOUS.values()) == []


def test_no_page_behind_a_link_out_of_a_mail_breaks_a_rule(page, cast, sign_in) -> None:
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    settings_page, owner = f"/tenants/{cast.tenant.pk}/settings/", sign_in(cast.owner)
    owner.post(f"{settings_page}notification-addresses/", {"email": "soc@example.com"})
    owner.post(f"{settings_page}single-sign-on/domains/", {"domain": "example.com", "mailbox": "admin"})
    Client().post("/accounts/password/reset/", {"email": cast.owner.email})
    headings = {
        "/notification-addresses/": "Confirm the address",
        "/domains/": "Verify the domain",
        "/accounts/password/reset/key/": "Choose a new password",
    }
    found = []

    for path, heading in headings.items():
        (link,) = {link for one in mail.outbox for link in re.findall(rf"(?<=\w){path}\S+", str(one.body))}
        page.goto(link)
        assert page.get_by_role("heading", level=1).inner_text() == heading
        found += violations(page)

    assert found == []


def test_no_page_that_shows_a_secret_once_breaks_a_rule(page, cast, ids, sign_in, live_portal) -> None:
    found = []
    take_session(page, sign_in(cast.owner), live_portal)

    page.goto("/tenants/{tenant}/connections/{connection}/hand-off/".format_map(ids))
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("#link-text")).to_be_visible()
    found += violations(page)
    page.goto("/tenants/{tenant}/settings/webhooks/new/".format_map(ids))
    page.get_by_label("Address").fill("https://hooks.example.com/new")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Add the endpoint").click()
    secret = page.locator("#secret-text")
    expect(secret).to_contain_text("whsec_")
    found += violations(page)
    first = secret.inner_text()
    page.get_by_role("button", name="Make a new secret").click()
    expect(secret).not_to_have_text(first)
    found += violations(page)

    assert found == []


def test_no_page_for_members_breaks_a_rule_or_is_wider_than_the_screen(page, cast, ids, sign_in, live_portal) -> None:
    take_session(page, sign_in(cast.owner), live_portal)

    assert faults_of_each(page, [address.format_map(ids) for address in SIGNED_IN.values()]) == []


def test_forms_with_errors_break_no_rule(page, cast, ids, sign_in, live_portal) -> None:
    found = []

    page.goto("/accounts/signup/")
    follow(page.get_by_role("button", name="Sign up"))
    found += violations(page)
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto("/tenants/{tenant}/connections/{connection}/".format_map(ids))
    page.locator("#account summary").first.click()
    page.get_by_label("AWS account ID").fill("twelve")
    follow(page.get_by_role("button", name="Save the account ID"))
    found += violations(page)
    page.goto("/tenants/{tenant}/api-tokens/".format_map(ids))
    page.get_by_label("Name").fill("Another")
    follow(page.get_by_role("button", name="Make the token"))
    found += violations(page)

    assert found == []


def test_no_page_that_says_what_went_wrong_breaks_a_rule(page, rf) -> None:
    request = rf.get("/")
    request.user = AnonymousUser()
    errors = sorted(path.name for path in (ROOT / "templates").glob("[45]*.html"))
    found = {}

    page.goto("/")  # from where style sheets and scripts come to what is rendered here
    for name in errors:
        page.set_content(render_to_string(name, request=request))
        expect(page.get_by_text(f"Error {name[:3]}", exact=True)).to_be_visible()
        found[name] = violations(page)

    assert len(errors) == 7
    assert found == {name: [] for name in errors}


def test_the_page_of_a_launch_link_breaks_no_rule(page, bucket, cast, sign_in, settings) -> None:
    settings.TEMPLATE_BUCKET, settings.TEMPLATE_BUCKET_ACCESS = bucket, "presigned"
    with tenant_scope(cast.tenant.pk):
        made = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
    answer = sign_in(cast.owner).post(f"/tenants/{cast.tenant.pk}/connections/{made.pk}/quick-create/")

    page.goto("/")
    page.set_content(answer.content.decode())

    expect(page.get_by_role("heading", level=1)).to_have_text("Launch the stack")
    assert violations(page) == []


def test_the_code_page_breaks_no_rule(page) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Organisation").fill("Blue Harbour")
    page.get_by_label("Email").fill("somebody@example.com")
    page.get_by_label("Password").fill("a long and rather quiet password")
    follow(page.get_by_role("button", name="Sign up"))

    assert page.get_by_role("heading", level=1).inner_text() == "Enter the code we sent you"
    assert violations(page) == []


def test_the_way_to_a_provider_and_back_breaks_no_rule_and_ends_among_the_connections(page, cast) -> None:
    with oidc_provider() as provider:
        with tenant_scope(cast.tenant.pk):
            added = add_domain(tenant=cast.tenant, domain="example.com", mailbox=TenantDomain.Mailbox.ADMIN, by=SYSTEM)
            TenantDomain.objects.filter(pk=added.pk).update(verified_at=timezone.now())
            configure_provider(
                tenant=cast.tenant,
                issuer=provider.issuer,
                client_id="rolebridge",
                client_secret="a secret of the client",
                enabled=True,
                required=False,
                by=SYSTEM,
            )
        provider.signs_in = cast.viewer.email
        found = []

        page.goto("/accounts/login/")
        page.get_by_role("link", name="Sign in through your organisation").click()
        page.get_by_label("Work email").fill(cast.viewer.email)
        follow(page.get_by_role("button", name="Go on"))
        found += violations(page)
        follow(page.get_by_role("button", name=re.compile("^Go to")))

        assert page.get_by_role("heading", level=1).inner_text() == "Connections"
        page.goto(f"/accounts/single-sign-on/{cast.tenant.pk}/callback/")
        found += violations(page)

    assert found == []


def test_setting_up_a_second_factor_and_signing_in_with_it_breaks_no_rule(page, cast) -> None:
    EmailAddress.objects.create(user=cast.viewer, email=cast.viewer.email, verified=True, primary=True)
    found = []

    page.goto("/accounts/login/?next=/accounts/second-factor/app/")
    page.get_by_label("Email").fill(cast.viewer.email)
    page.get_by_label("Password").fill(cast.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Password").fill(cast.password)
    follow(page.get_by_role("button", name="Confirm"))
    found += violations(page)
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Authenticator code").fill(code_of(secret))
    follow(page.get_by_role("button", name="Set it up"))
    found += violations(page)
    recovery_code = page.locator(".codes li").first.inner_text()
    for address in ("", "reauthenticate/", "app/remove/", "recovery-codes/new/"):
        page.goto(f"/accounts/second-factor/{address}")
        found += violations(page)
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(cast.viewer.email)
    page.get_by_label("Password").fill(cast.password)
    follow(page.get_by_role("button", name="Sign in"))
    found += violations(page)
    page.get_by_label("Code").fill(recovery_code)
    follow(page.get_by_role("button", name="Sign in"))

    assert page.get_by_role("heading", level=1).inner_text() == "Connections"
    assert found == []


def test_deleting_ones_account_breaks_no_rule_and_is_no_wider_than_a_phone(page, cast, sign_in, live_portal) -> None:
    found = []
    take_session(page, sign_in(cast.viewer), live_portal)

    page.goto("/accounts/your-data/")
    found += violations(page)
    page.get_by_role("link", name="Delete my account").click()
    page.get_by_label("Password").fill(cast.password)
    follow(page.get_by_role("button", name="Confirm"))
    found += faults(page)
    page.get_by_label("Your email address, typed").fill("another@example.com")
    follow(page.get_by_role("button", name="Mail me a code"))
    found += violations(page)
    page.get_by_label("Your email address, typed").fill(cast.viewer.email)
    follow(page.get_by_role("button", name="Mail me a code"))
    found += violations(page)
    page.context.new_page().goto("/_mail/")
    mailbox = page.context.pages[-1]
    code = re.search(r"^\s*([A-Z0-9]{8})\s*$", mailbox.locator("article", has_text="code").first.inner_text(), re.M)
    mailbox.close()
    assert code
    page.get_by_label("The code from our mail").fill(code.group(1))
    follow(page.get_by_role("button", name="Delete my account"))

    assert page.get_by_role("main").get_by_text("Your account is deleted").is_visible()
    assert found + violations(page) == []


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
