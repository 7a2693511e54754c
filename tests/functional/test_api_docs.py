"""The API's description, drawn in a browser under the strict policy."""


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
