"""A connection is paused, resumed and removed in a browser, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.customer import new_account_id
from tests.functional.customer_pages import (
    DESK,
    PHONE,
    expect_cause,
    expect_status,
    look,
    name_account,
    sign_up,
    verify,
    wait_for_end,
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("with_javascript", "width"), [(True, DESK), pytest.param(False, PHONE, marks=pytest.mark.nightly)]
)
def test_paused_resumed_and_removed_with_a_statement(
    browser, live_portal, db, worker, beat, with_javascript, width
) -> None:
    context = browser.new_context(
        base_url=live_portal, java_script_enabled=with_javascript, viewport={"width": width, "height": 740}
    )
    page = context.new_page()
    sign_up(page, f"keeper-{int(with_javascript)}@blueharbour.example")
    page.get_by_role("link", name="First AWS account").click()
    name_account(page, new_account_id())
    page.get_by_role("button", name=re.compile("Create the stack in sandbox account")).click()
    verify(page)
    expect_status(page, "Connected")

    page.get_by_role("heading", name="Take out of use").click()
    page.get_by_role("button", name="Pause the whole connection").click()
    expect_status(page, "Paused")
    expect(page.locator("#main").get_by_text("3 roles are paused.")).to_be_visible()
    look(page, "paused", with_axe=True)
    expect(page.get_by_role("button", name="Verify again")).to_have_count(0)
    page.get_by_role("button", name="Resume Log analysis").click()
    wait_for_end(page)
    expect_status(page, "Connected")
    page.get_by_role("button", name="Resume all that is paused").click()
    wait_for_end(page)
    expect_status(page, "Connected")

    page.get_by_role("heading", name="Take out of use").click()
    page.get_by_role("link", name="Remove this connection").click()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible()
    page.get_by_role("button", name="Remove this connection").click()
    wait_for_end(page)
    expect_status(page, "Removing")
    expect(page.locator(".problem").first).to_contain_text("The role still lets us in")
    expect_cause(page.locator(".problem").first, "still_open")
    look(page, "removing", with_axe=True)
    page.get_by_role("button", name="Delete the stack in sandbox account").click()
    # We look by ourselves; a page without JavaScript shows it when it is loaded again.
    while not with_javascript and page.locator("#connection-status").inner_text().strip() != "Removed":
        page.wait_for_timeout(500)
        page.reload()
    expect_status(page, "Removed")

    page.get_by_role("link", name="Every session we opened").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")
    page.go_back()
    page.get_by_role("link", name="Open the statement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Statement of removed access")
    look(page, "removal-statement", with_axe=True)
    expect(page.get_by_role("row")).to_have_count(4)
    context.close()
