"""The pages for staff in a browser, under their content security policy."""

from tests.environment import PORTAL_PORT
from tests.integrations.admin.builders import LIST, connect, verified


def test_no_page_for_staff_breaks_its_content_security_policy(cast, staff, browser_page) -> None:
    verification = verified(connect(cast.tenant), {"outcome": "denied", "who": "customer"})
    complaints: list[str] = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    browser_page.context.add_cookies(
        [{"name": "sessionid", "value": staff.cookies["sessionid"].value, "url": f"http://127.0.0.1:{PORTAL_PORT}"}]
    )

    for url in (
        "/admin/",
        LIST,
        f"{LIST}{verification.connection_id}/change/",
        f"/admin/integrations/verification/{verification.pk}/change/",
        f"/admin/tenants/tenant/{cast.tenant.pk}/change/",
    ):
        answer = browser_page.goto(url)
        assert answer.status == 200
        browser_page.wait_for_load_state("networkidle")
        assert browser_page.locator("h1, h2").count()

    favicon = ("/favicon.ico", "Failed to load resource")  # browsers ask for it by themselves
    assert [text for text in complaints if not any(part in text for part in favicon)] == []
