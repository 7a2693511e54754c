"""The external ID is replaced in a browser, from the first press to the proof that the previous one is refused."""

import re

import pytest
from playwright.sync_api import expect

from tests.customer import new_account_id
from tests.functional.customer_pages import expect_status, name_account, sign_up, verify


@pytest.mark.timeout(400)
def test_rotated_by_two_stack_updates_and_connected_all_the_while(browser_page, worker, beat) -> None:
    page = browser_page
    sign_up(page, "bosun@blueharbour.example")
    page.get_by_role("link", name="First AWS account").click()
    connection = page.url
    previous = page.locator("#external-id-value").inner_text()
    for component in ("Compute analysis", "Storage analysis"):
        page.get_by_role("checkbox", name=component).uncheck()
    page.get_by_role("button", name="Save the choice").click()
    name_account(page, new_account_id())
    page.get_by_role("button", name=re.compile("Create the stack in sandbox account")).click()
    verify(page)
    expect_status(page, "Connected")

    page.get_by_role("heading", name="Your external ID").click()  # it is folded once there is something to see below
    page.get_by_role("link", name="Replace it by a new one").click()
    page.get_by_role("button", name="Issue a new external ID").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("1 of 2: your roles move to the new external ID")
    new = page.locator("#new-external-id").inner_text()
    assert new != previous
    expect(page.get_by_role("row", name=re.compile("Log analysis"))).to_contain_text("Not yet")
    expect(page.get_by_role("button", name="Call the rotation off")).to_be_visible()

    update_stack(page, connection)
    verify(page)
    expect_status(page, "Connected")
    page.goto(connection + "external-id-rotation/")
    expect(page.get_by_role("heading", level=2).first).to_have_text(
        "2 of 2: your roles close to the previous external ID"
    )
    expect(page.get_by_role("row", name=re.compile("Log analysis"))).to_contain_text("Yes, seen")
    expect(page.get_by_role("button", name="Call the rotation off")).to_have_count(0)

    update_stack(page, connection)
    verify(page)
    expect_status(page, "Connected")
    page.goto(connection + "external-id-rotation/")
    expect(page.get_by_role("heading", level=2).first).to_have_text("The rotation is finished")
    page.goto(connection)
    expect(page.locator("#external-id-value")).to_have_text(new)
    page.get_by_text("The role does not accept your previous external ID").first.wait_for(state="attached")


def update_stack(page, connection: str) -> None:
    """Press the sandbox's button with the template as it is now."""
    page.goto(connection + "?format=cloudformation")
    page.get_by_role("button", name=re.compile("Update the stack in sandbox account")).click()
    expect(page.locator("#main").get_by_text(re.compile("The stack is in place"))).to_be_visible()
