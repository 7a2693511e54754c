"""What a customer does on the pages, in the words that stand on them."""

import re
from uuid import UUID

from django.test import Client
from playwright.sync_api import Locator, Page, expect

from integrations.models import Finding
from portal.local.services import ROOT
from tenants.scope import tenant_scope
from tests.functional.axe import violations

SCREENSHOTS = ROOT / "test-artifacts" / "screenshots"  # what CI keeps
PHONE, DESK = 360, 1280
IN_README = {"connected", "unsafe", "connections"}  # `make pictures` brings their upper parts to docs/images
UPPER_PART = 1060  # pixels
PASSWORD = "a long and rather quiet password"
VERIFICATION_PATIENCE_MS = 60_000


def sign_up(page: Page, email: str, organisation: str = "Blue Harbour") -> None:
    """From the landing page to the list of connections, with the code out of the mail."""
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    page.get_by_label("Organisation").fill(organisation)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("Code").fill(code_in_mail(page, email))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connections")


def code_in_mail(page: Page, email: str) -> str:
    """The sign-up code, read where a newcomer reads it."""
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Read the mail here").click()
    return code_in(popup.value, email)


def code_in(mailbox: Page, email: str) -> str:
    """The sign-up code in a window that shows the mails, which is closed then."""
    mail = mailbox.locator("article", has_text=email).first.inner_text()
    mailbox.close()
    code = re.search(r"^\s*([A-Z0-9]{3,}-[A-Z0-9]{3,})\s*$", mail, re.MULTILINE)
    assert code, mail
    return code[1]


def take_session(page: Page, client: Client, portal: str) -> None:
    """Give the browser the session of a test client that is signed in."""
    cookie = client.cookies["sessionid"]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": portal}])


def name_account(page: Page, account_id: str) -> None:
    """Give the account id on the connection page."""
    page.get_by_label("AWS account ID").fill(account_id)
    page.get_by_role("button", name="Save the account ID").click()


def follow(place: Locator) -> None:
    """Click a link or a button, and wait for the page that it leads to: what is asked of the page next is asked of
    that one. (Words that both pages have, a width and axe would be answered by the page before.)
    """
    with place.page.expect_navigation():
        place.click()


def press_verify(page: Page) -> None:
    """Press Verify; the answer is the connection page again, with the new verification on it."""
    follow(page.get_by_role("button", name=re.compile("^Verify")))


def verify(page: Page) -> None:
    """Press Verify, and wait until the page shows that it has ended."""
    press_verify(page)
    wait_for_end(page)


def wait_for_end(page: Page) -> None:
    """Wait until the live part no longer asks for itself: the page follows by itself, nobody reloads it."""
    expect(page.locator("#live:not([data-live])")).to_be_visible(timeout=VERIFICATION_PATIENCE_MS)


def expect_status(page: Page, status: str) -> None:
    """The status beside the title, to which the page comes by itself: what passes twice in a row is connected."""
    expect(page.locator("#connection-status")).to_have_text(status, timeout=VERIFICATION_PATIENCE_MS)


def expect_cause(place: Locator, cause: str) -> None:
    """The place on a connection's page says what was found of this cause: a name in a test cannot lie."""
    address = re.search(r"/tenants/([^/]+)/connections/([^/?#]+)/", place.page.url)
    assert address, place.page.url
    tenant_id, connection_id = address.groups()
    with tenant_scope(UUID(tenant_id)):
        found = Finding.objects.filter(verification__connection_id=connection_id, cause=cause).order_by("pk")
        titles = list(dict.fromkeys(found.values_list("title", flat=True)))
    assert titles, f"Nothing was found of the cause {cause}."
    expect(place).to_contain_text(re.compile("|".join(map(re.escape, titles))))


def look(page: Page, name: str, *, with_axe: bool = False) -> None:
    """Keep pictures of the page as it is on a desk and on a phone; on neither is it wider than the screen, and
    `with_axe` it breaks no rule on the phone. (test_accessibility looks at every page at a desk.)
    """
    before = page.viewport_size
    for width in (DESK, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width} px"
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
        if name in IN_README and width == DESK:
            height = min(page.evaluate("document.documentElement.scrollHeight"), UPPER_PART)
            page.screenshot(
                path=SCREENSHOTS / "readme" / f"{name}.png",
                full_page=True,
                clip={"x": 0, "y": 0, "width": DESK, "height": height},
            )
    if with_axe and not page.evaluate("matchMedia('(scripting: none)').matches"):  # axe is a script itself
        assert violations(page) == [], name
    if before:
        page.set_viewport_size(before)


def link_in_mail(page: Page, email: str, path: str) -> str:
    """The link in the latest mail to an address, read where a newcomer to a trial installation reads it."""
    page.goto("/_mail/")
    mail = page.locator("article", has_text=email).first.inner_text()
    link = re.search(rf"https?://\S+({re.escape(path)}\S+)", mail)
    assert link, mail
    return link[1]
