"""The whole way with the keyboard alone, and where it stands after a part of the page was replaced."""

import pytest
from playwright.sync_api import Page, expect

from tests.customer import new_account_id
from tests.functional.customer_pages import DESK, take_session, wait_for_end

MOST_TABS = 60
# What is read out of the element that has the focus.
FOCUSED = """() => {
    const one = document.activeElement;
    return one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || one.id;
}"""


def tab_to(page: Page, words: str) -> None:
    """Press Tab until what begins with these words has the focus, where it can be seen."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).strip().startswith(words):
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{words} has the focus, and nobody sees it"
            return
    pytest.fail(f"{MOST_TABS} presses of Tab do not lead to {words}")


def go(page: Page) -> None:
    """Press Enter on what leads to another page."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_from_a_new_connection_to_a_verification_without_a_pointer(browser, live_portal, worker, cast, sign_in) -> None:
    context = browser.new_context(base_url=live_portal, viewport={"width": DESK, "height": 900})
    page = context.new_page()
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(f"/tenants/{cast.tenant.pk}/connections/")

    tab_to(page, "Skip to the content")
    page.keyboard.press("Enter")
    tab_to(page, "Add a connection")
    go(page)
    tab_to(page, "Name")
    page.keyboard.type("Staging")
    go(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Staging")

    for component in ("Compute analysis", "Storage analysis"):
        tab_to(page, component)
        page.keyboard.press("Space")
    tab_to(page, "Save the choice")
    go(page)
    expect(page.locator(".toasts")).to_contain_text("Your choice of components is saved.")
    tab_to(page, "AWS account ID")
    page.keyboard.type(new_account_id())
    go(page)
    expect(page.locator(".toasts")).to_contain_text("Your AWS account ID is saved.")
    tab_to(page, "Create the stack in sandbox account")
    go(page)
    expect(page.locator(".toasts")).to_contain_text("The stack is in place")
    tab_to(page, "Verify")
    go(page)
    wait_for_end(page)
    expect(page.locator(".hop[data-state=passed]")).to_have_count(2)

    # Who stands on a button that is replaced goes on from the heading above it.
    page.get_by_role("button", name="Verify again").focus()
    page.evaluate("() => htmx.ajax('GET', location.pathname, {target: '#live', swap: 'outerHTML'})")
    expect(page.locator("#live-title")).to_be_focused()
    context.close()
