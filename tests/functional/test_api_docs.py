"""The API's description, drawn in a browser under the strict policy, for everybody."""

import pytest

from tests.functional.axe import violations


def test_the_api_can_be_read_and_tried_with_nothing_from_elsewhere(watched, cast, api, live_portal) -> None:
    page, origins, refusals = watched
    token = api(cast.owner, cast.tenant)._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")

    page.goto("/api/v1/docs/")
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container form").filter(has_text="apiToken").locator("input").fill(token)
    page.locator(".auth-container form").filter(has_text="apiToken").locator(".authorize").click()
    page.locator(".auth-btn-wrapper .btn-done").first.click()
    operation = page.locator("[id$='get_tenant']")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table").get_by_text("Blue Harbour").first.wait_for()

    assert {f"{scheme}://{place}" for scheme, place in origins if scheme != "data"} == {live_portal}
    assert refusals == []


@pytest.mark.nightly
def test_trying_the_api_breaks_no_rule(browser_page) -> None:
    """The whole page as it is at first; then what is opened, since the whole takes axe long."""
    page = browser_page

    page.goto("/api/v1/docs/")
    page.locator(".opblock").first.wait_for()
    found = violations(page)
    page.get_by_role("button", name="Authorize").first.click()
    found += violations(page, ".dialog-ux")
    page.get_by_label("Value").first.fill("no token")
    page.locator(".auth-container .authorize").first.click()
    found += violations(page, ".dialog-ux")
    page.get_by_role("button", name="Close").first.click()
    for operation in ("list_connections", "create_connection"):
        block = page.locator(f"[id$='-{operation}']")
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        block.locator(".live-responses-table").wait_for()
        found += violations(page, f"[id$='-{operation}']")
    page.locator("section.models button").first.click()
    page.get_by_role("button", name="Expand all").first.click()
    found += violations(page, "section.models > div > article:first-of-type, section.models h4")

    assert found == []
