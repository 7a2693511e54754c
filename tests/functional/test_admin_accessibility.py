"""WCAG 2.2 AA on every page for support staff, by axe-core, in light and dark; a test keeps the list complete."""

import pytest
from django.contrib import admin
from django.urls import URLPattern
from playwright.sync_api import Page, expect

from integrations.models import Connection
from tenants.scope import tenant_scope
from tests.functional.axe import violations
from tests.functional.customer_pages import take_session
from tests.functional.staff_page_list import NEVER_ALLOWED, NOT_PAGES, PAGES, details, lists, make_staff_things

PHONE = {"width": 360, "height": 800}


@pytest.fixture
def ids(cast) -> dict[str, str]:
    """One of everything that a page for staff shows."""
    return make_staff_things(cast)


@pytest.fixture
def staff_page(browser_page, cast, ids, sign_in, live_portal) -> Page:
    """A window in which a member of the support staff is signed in."""
    take_session(browser_page, sign_in(cast.staff), live_portal)
    return browser_page


def of_each(page: Page, addresses: dict[str, str], ids: dict[str, str]) -> list[str]:
    """What axe finds on these pages, each loaded anew."""
    found = []
    for address in addresses.values():
        answer = page.goto(address.format_map(ids))
        assert answer.status == 200, address
        assert page.url.endswith(address.format_map(ids))
        found += violations(page)
    return found


def test_no_list_for_staff_breaks_a_rule(staff_page, ids) -> None:
    assert of_each(staff_page, lists(), ids) == []


def test_no_page_of_one_thing_for_staff_breaks_a_rule(staff_page, ids) -> None:
    assert of_each(staff_page, details(), ids) == []


def test_no_other_page_for_staff_breaks_a_rule(staff_page, ids) -> None:
    assert of_each(staff_page, PAGES, ids) == []


def test_no_page_for_staff_breaks_a_rule_on_a_phone_or_is_wider(staff_page, ids) -> None:
    on_a_phone = ["index", "(connection with findings)", "(verification with findings)", "tenants_tenant_recovery"]
    addresses = {name: PAGES[name] for name in on_a_phone} | {
        "connections": lists()["integrations_connection_changelist"],
        "tenant": details()["tenants_tenant_change"],
    }
    staff_page.set_viewport_size(PHONE)
    found, too_wide = [], []

    for name, address in addresses.items():
        found += of_each(staff_page, {name: address}, ids)
        if staff_page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
            too_wide.append(name)
    staff_page.get_by_role("button", name="List of pages").first.click()
    expect(staff_page.get_by_role("link", name="Audit events")).to_be_visible()
    found += violations(staff_page)

    assert found == []
    assert too_wide == []


def test_asking_for_verifications_by_keyboard_breaks_no_rule(staff_page) -> None:
    page, found = staff_page, []

    page.goto("/admin/integrations/connection/")
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Search", exact=True)).to_be_focused()
    you = page.locator('[x-on\\:click^="openUserLinks ="]')
    you.press("Enter")
    expect(you).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    found += violations(page)
    you.press("Enter")
    page.get_by_role("button", name="Filters").press("Enter")
    expect(page.locator("#changelist-filter a").first).to_be_focused()
    found += violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Search all pages")).to_be_visible()
    found += violations(page, "[role=dialog]")
    page.keyboard.press("Escape")
    page.locator("#result_list tbody input").first.press("Space")
    page.get_by_label("Select action to run").select_option("ask_for_verification")
    found += violations(page)
    page.get_by_role("button", name="Run").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ask for a new verification")
    found += violations(page)
    page.get_by_role("button", name="Ask for a new verification").press("Enter")
    expect(page.get_by_text("This field is required.")).to_be_visible()
    found += violations(page)
    page.get_by_label("Reason").fill("They asked us to.")
    page.get_by_role("button", name="Ask for a new verification").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Connections")
    found += violations(page)

    assert found == []


def test_the_pages_of_rows_within_a_page_are_links(staff_page, cast) -> None:
    page = staff_page
    with tenant_scope(cast.tenant.pk):
        Connection.objects.bulk_create(Connection(tenant=cast.tenant, name=f"Fleet {n}") for n in range(60))
    page.goto(f"/admin/tenants/tenant/{cast.tenant.pk}/change/")
    pages = page.locator(".inline-pagination")

    pages.get_by_role("link", name="2", exact=True).press("Enter")
    expect(pages.get_by_role("link", name="1", exact=True)).to_be_visible()

    assert pages.get_by_role("button").count() == 0
    assert violations(page) == []


def test_the_emergency_stop_breaks_no_rule(staff_page) -> None:
    page, found = staff_page, []

    page.goto("/admin/integrations/emergencystop/")
    page.get_by_label("Reason, kept in the audit events").fill("A drill.")
    page.get_by_role("button", name="Stop everything").press("Enter")
    expect(page.get_by_text("The emergency stop is on.")).to_be_visible()
    found += violations(page)
    page.goto("/admin/integrations/emergencystop/?o=1")  # sorted, with the means to sort otherwise
    expect(page.get_by_role("button", name="Lift the emergency stop")).to_be_visible()
    found += violations(page)

    assert found == []


def test_a_page_for_staff_takes_the_systems_colours_while_it_is_open(staff_page) -> None:
    staff_page.goto("/admin/")

    for scheme, css in (("dark", "dark"), ("light", "")):
        staff_page.emulate_media(color_scheme=scheme)
        expect(staff_page.locator("html")).to_have_attribute("class", css)


def test_who_works_by_keyboard_can_go_past_the_list_of_pages(staff_page) -> None:
    staff_page.goto("/admin/")

    staff_page.keyboard.press("Tab")
    expect(staff_page.get_by_role("link", name="Skip to content")).to_be_focused()
    staff_page.keyboard.press("Enter")

    expect(staff_page.locator("#content")).to_be_focused()


def test_every_page_for_staff_is_on_the_list() -> None:
    listed = lists().keys() | PAGES.keys() | NOT_PAGES
    names = {pattern.name for pattern in _patterns(admin.site.get_urls()) if pattern.name}

    unlisted = {name for name in names - listed if not name.endswith((*NEVER_ALLOWED, "_change"))}

    assert unlisted == set()


def _patterns(urls) -> list[URLPattern]:
    """Every address of admin."""
    found = []
    for url in urls:
        found += [url] if isinstance(url, URLPattern) else _patterns(url.url_patterns)
    return found
