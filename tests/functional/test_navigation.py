"""The way between the sections of the portal, on a phone and on a desk, without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.functional.customer_pages import DESK, PHONE, take_session

ONE_LINE = 72  # pixels


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_every_section_is_two_presses_away_and_the_head_is_one_line_high(
    browser, live_portal, cast, sign_in, width
) -> None:
    context = browser.new_context(
        base_url=live_portal, java_script_enabled=False, viewport={"width": width, "height": 740}
    )
    page = context.new_page()
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(f"/tenants/{cast.tenant.pk}/connections/")

    for section in ("Members", "API tokens", "Audit log", "Settings", "Connections"):
        if width == PHONE:
            page.get_by_text("Menu", exact=True).click()
        page.get_by_role("navigation").get_by_role("link", name=section, exact=True).click()

        expect(page.get_by_role("heading", level=1)).to_have_text(section)
        here = page.get_by_role("navigation").locator("[aria-current=page]")
        assert {name.strip() for name in here.all_text_contents()} == {section}
        assert page.get_by_role("banner").bounding_box()["height"] <= ONE_LINE

    context.close()


def test_a_viewer_is_offered_what_a_viewer_may_see(cast, sign_in) -> None:
    page = sign_in(cast.viewer).get(f"/tenants/{cast.tenant.pk}/connections/").content.decode()

    assert f"/tenants/{cast.tenant.pk}/members/" in page
    assert f"/tenants/{cast.tenant.pk}/settings/" not in page
    assert "Audit log" not in page
