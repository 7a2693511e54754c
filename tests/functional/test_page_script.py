"""What the one script of the pages adds to what HTML does."""

import pytest
from playwright.sync_api import expect

from tests.functional.customer_pages import PHONE, take_session


@pytest.fixture
def page(browser, live_portal, db):
    """A phone in Tokyo."""
    context = browser.new_context(
        base_url=live_portal, viewport={"width": PHONE, "height": 740}, timezone_id="Asia/Tokyo"
    )
    yield context.new_page()
    context.close()


def test_times_are_in_the_readers_zone_with_utc_on_hover(page) -> None:
    page.goto("/_components/")

    full = page.locator("time", has_text="GMT+9").first
    expect(full).to_be_visible()
    assert full.get_attribute("title").endswith("UTC")
    ago = page.locator("time", has_text="ago").first
    assert "GMT+9" in ago.get_attribute("title")
    assert ago.get_attribute("title").endswith("UTC)")


def test_a_screen_reader_hears_what_was_done_and_escape_closes_the_menu(page, cast, sign_in, live_portal) -> None:
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(f"/tenants/{cast.tenant.pk}/settings/")

    page.get_by_role("button", name="Save the settings").click()
    expect(page.locator(".toasts")).to_be_visible()
    expect(page.locator("#announcer")).to_have_text(page.locator(".toasts").inner_text().strip())

    menu = page.locator(".menu summary")
    menu.click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(menu).to_be_focused()


def test_a_double_click_on_a_form_that_makes_something_makes_one(page, cast, sign_in, live_portal) -> None:
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(f"/tenants/{cast.tenant.pk}/api-tokens/")
    page.get_by_label("Name").fill("Pipeline")

    with page.expect_navigation():
        page.get_by_role("button", name="Make the token").dblclick()
    page.goto(f"/tenants/{cast.tenant.pk}/api-tokens/")

    expect(page.get_by_role("link", name="Revoke Pipeline")).to_have_count(1)


def test_a_form_on_a_page_that_comes_back_from_the_browsers_cache_is_another_one(
    page, cast, sign_in, live_portal
) -> None:
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(f"/tenants/{cast.tenant.pk}/api-tokens/")
    page.get_by_label("Name").fill("Pipeline")

    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Make the token").click()

    assert "&again=" in sent.value.post_data


def test_a_form_for_staff_on_a_page_that_comes_back_is_another_one_too(page, cast, sign_in, live_portal) -> None:
    take_session(page, sign_in(cast.staff), live_portal)
    page.goto("/admin/tenants/servicetoken/make/")
    page.locator("[name=name]").fill("Product")

    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.locator("form[method=post] [type=submit]").last.click()

    assert "again=" in sent.value.post_data


def test_a_password_shows_itself_while_it_is_typed_and_is_one_again_when_it_is_sent(page) -> None:
    page.goto("/accounts/signup/")
    password = page.locator("#id_password1")
    password.fill("short")
    show = page.get_by_role("button", name="Show Password", exact=True)

    show.click()
    expect(password).to_have_attribute("type", "text")
    expect(password).to_have_value("short")
    hide = page.get_by_role("button", name="Hide Password", exact=True)
    expect(hide).to_have_attribute("aria-controls", "id_password1")
    page.evaluate(
        """document.addEventListener("submit", (event) => {
            event.preventDefault();
            window.typeWhenSent = document.getElementById("id_password1").type;
        })"""
    )
    page.get_by_role("button", name="Sign up").click()

    assert page.evaluate("window.typeWhenSent") == "password"
    expect(show).to_be_visible()
