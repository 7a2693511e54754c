"""The whole way with the keyboard alone, and where it stands after a part of the page was replaced."""

import pytest
from playwright.sync_api import Page, expect

from tests.customer import new_account_id
from tests.functional.customer_pages import DESK, PASSWORD, code_in, expect_status, wait_for_end

EMAIL = "navigator@blueharbour.example"
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


def test_from_sign_up_to_a_refusal_its_fix_and_connected_without_a_pointer(browser, live_portal, db, worker) -> None:
    context = browser.new_context(base_url=live_portal, viewport={"width": DESK, "height": 900})
    page = context.new_page()
    page.goto("/accounts/signup/")

    for label, text in (("Organisation", "Blue Harbour"), ("Email", EMAIL), ("Password", PASSWORD)):
        tab_to(page, label)
        page.keyboard.type(text)
    go(page)
    tab_to(page, "Read the mail here")
    with page.expect_popup() as mailbox:
        page.keyboard.press("Enter")
    code = code_in(mailbox.value, EMAIL)
    tab_to(page, "Code")
    page.keyboard.type(code)
    go(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Connections")

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
    tab_to(page, "Terraform")
    go(page)
    expect(page.locator(".tabs [aria-current]")).to_have_text("Terraform")

    # There is no role yet: the refusal leads to who must act.
    tab_to(page, "Verify")
    go(page)
    wait_for_end(page)
    tab_to(page, "Who must act, and the fix")
    page.keyboard.press("Enter")
    expect(page.locator("#log-analysis-problem-1")).to_be_focused()
    expect(page.locator("#log-analysis-problem-1")).to_contain_text("Who must act: nobody")  # yet
    tab_to(page, "What AWS said")
    page.keyboard.press("Enter")
    expect(page.locator("#log-analysis-problem-1 .more pre").first).to_be_visible()

    tab_to(page, "Create the stack in sandbox account")
    go(page)
    expect(page.locator(".toasts")).to_contain_text("The stack is in place")
    for _ in range(2):  # what passes twice in a row is connected
        tab_to(page, "Verify again")
        go(page)
        wait_for_end(page)
        expect(page.locator(".hop[data-state=passed]")).to_have_count(2)
    expect_status(page, "Connected")

    # Who stands on a button that is replaced goes on from the heading above it.
    page.get_by_role("button", name="Verify again").focus()
    page.evaluate("() => htmx.ajax('GET', location.pathname, {target: '#live', swap: 'outerHTML'})")
    expect(page.locator("#live-title")).to_be_focused()
    context.close()
