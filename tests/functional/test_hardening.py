"""In a browser no page asks another server for anything, and none breaks its own content security policy."""

from urllib.parse import urlsplit

from tests.functional.customer_pages import take_session
from tests.functional.page_list import ANONYMOUS, SIGNED_IN

ADMIN = [
    "/admin/",
    "/admin/tenants/tenant/",
    "/admin/tenants/tenant/{tenant}/change/",
    "/admin/tenants/tenant/{tenant}/recovery/",
    "/admin/tenants/auditevent/",
    "/admin/integrations/connection/",
    "/admin/integrations/connection/{connection}/change/",
]


def test_no_page_asks_another_server_and_none_breaks_its_policy(watched, cast, ids, sign_in, live_portal) -> None:
    page, origins, refusals = watched

    for address in ANONYMOUS.values():
        page.goto(address)
    take_session(page, sign_in(cast.owner), live_portal)
    for address in SIGNED_IN.values():
        page.goto(address.format_map(ids))
    page.context.clear_cookies()
    take_session(page, sign_in(cast.staff), live_portal)
    for address in ADMIN:
        page.goto(address.format_map(ids))
        assert page.url.endswith(address.format_map(ids))

    own = urlsplit(live_portal)[:2]
    assert {origin for origin in origins if origin[0] != "data"} == {own}
    assert refusals == []


def test_a_refusal_would_be_seen(watched) -> None:
    page, _, refusals = watched
    page.goto("/accounts/login/")

    page.evaluate("document.head.appendChild(document.createElement('script')).textContent = 'window.ran = true'")
    page.evaluate("document.body.appendChild(document.createElement('img')).src = 'http://127.0.0.1:9/x.png'")
    page.wait_for_timeout(300)

    assert page.evaluate("window.ran") is None
    assert len(refusals) == 2
