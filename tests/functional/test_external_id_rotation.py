"""The external ID is replaced in a browser, from the first press to the proof that the previous one is refused."""

import re

import pytest
from playwright.sync_api import expect

from tests.customer import connection_with_stack
from tests.functional.customer_pages import DESK, PHONE, expect_status, look, take_session, verify


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("with_javascript", "width"), [(True, DESK), (False, PHONE)])
def test_rotated_by_two_stack_updates_and_connected_all_the_while(
    browser, live_portal, worker, beat, cast, sign_in, with_javascript, width
) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    address = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"
    previous = connection.external_id
    context = browser.new_context(
        base_url=live_portal, java_script_enabled=with_javascript, viewport={"width": width, "height": 740}
    )
    page = context.new_page()
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(address)
    verify(page)
    expect_status(page, "Connected")

    page.get_by_role("heading", name="Your external ID").click()  # it is folded once there is something to see below
    page.get_by_role("link", name="Replace it by a new one").click()
    look(page, "rotation-before", with_axe=True)
    page.get_by_role("button", name="Issue a new external ID").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("1 of 2: your roles move to the new external ID")
    new = page.locator("#new-external-id").inner_text()
    assert new != previous
    expect(page.get_by_role("row", name=re.compile("Log analysis"))).to_contain_text("Not yet")
    expect(page.get_by_role("button", name="Call the rotation off")).to_be_visible()
    look(page, "rotation-moving", with_axe=True)

    update_stack(page, address)
    verify(page)
    expect_status(page, "Connected")
    page.goto(address + "external-id-rotation/")
    expect(page.get_by_role("heading", level=2).first).to_have_text(
        "2 of 2: your roles close to the previous external ID"
    )
    expect(page.get_by_role("row", name=re.compile("Log analysis"))).to_contain_text("Yes, seen")
    expect(page.get_by_role("button", name="Call the rotation off")).to_have_count(0)
    look(page, "rotation-closing", with_axe=True)

    update_stack(page, address)
    verify(page)
    expect_status(page, "Connected")
    page.goto(address + "external-id-rotation/")
    expect(page.get_by_role("heading", level=2).first).to_have_text("The rotation is finished")
    look(page, "rotation-finished", with_axe=True)
    page.goto(address)
    expect(page.locator("#external-id-value")).to_have_text(new)
    page.get_by_text("The role does not accept your previous external ID").first.wait_for(state="attached")
    context.close()


def update_stack(page, address: str) -> None:
    """Press the sandbox's button with the template as it is now."""
    page.goto(address + "?format=cloudformation")
    page.get_by_role("button", name=re.compile("(Create|Update) the stack in sandbox account")).click()
    expect(page.locator("#main").get_by_text(re.compile("The stack is in place"))).to_be_visible()
