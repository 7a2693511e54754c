"""People in a browser: a member is invited, a cloud administrator comes by a link alone, a program gets its token."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from integrations.actions.connections import create_connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.functional.customer_pages import DESK, PASSWORD, PHONE, code_in_mail, link_in_mail, look, take_session


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
def windows(browser, live_portal, request):
    """Makes browser windows that share nothing, at a desk or, without JavaScript, on a phone."""
    opened = []

    def new_window():
        context = browser.new_context(
            base_url=live_portal,
            java_script_enabled=request.param,
            viewport={"width": DESK if request.param else PHONE, "height": 740},
        )
        opened.append(context)
        return context.new_page()

    yield new_window
    for context in opened:
        context.close()


def test_a_member_an_administrator_and_a_program_come_in(windows, cast, sign_in, live_portal) -> None:
    with tenant_scope(cast.tenant.pk):
        connection = create_connection(tenant=cast.tenant, name="Production", account_id="222233334444", by=SYSTEM)
    owner = windows()
    take_session(owner, sign_in(cast.owner), live_portal)

    # The owner invites, and the invited signs up with the address that the invitation is for.
    owner.goto(f"/tenants/{cast.tenant.pk}/members/invite/")
    owner.get_by_label("Email").fill("newcomer@example.com")
    owner.get_by_role("button", name="Send the invitation").click()
    expect(owner.get_by_role("main")).to_contain_text("newcomer@example.com")
    look(owner, "members", with_axe=True)
    newcomer = windows()
    newcomer.goto(link_in_mail(newcomer, "newcomer@example.com", "/invitations/"))
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("You are invited to Blue Harbour")
    look(newcomer, "invitation", with_axe=True)
    newcomer.get_by_role("link", name="Sign up with this address").click()
    newcomer.get_by_label("Email").fill("newcomer@example.com")
    newcomer.get_by_label("Password").fill(PASSWORD)
    newcomer.get_by_role("button", name="Sign up").click()
    newcomer.get_by_label("Code").fill(code_in_mail(newcomer, "newcomer@example.com"))
    newcomer.get_by_role("button", name="Confirm").click()
    newcomer.get_by_role("button", name="Accept the invitation").click()
    expect(newcomer.locator(".toasts")).to_contain_text("You are a member of Blue Harbour now.")
    newcomer.goto(f"/tenants/{cast.tenant.pk}/settings/")
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("You may not do this")  # a viewer
    look(newcomer, "permission-denied", with_axe=True)

    # A link shows guide and role template to somebody with no account.
    owner.goto(f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/")
    owner.get_by_role("link", name="Hand it to your cloud administrator").click()
    owner.get_by_role("button", name="Make the link").click()
    link = re.search(r"/hand-off/[^/\s]+/", owner.get_by_role("main").inner_text())
    administrator = windows()
    administrator.goto(link[0])
    expect(administrator.get_by_role("heading", level=1)).to_have_text("What we ask for, and why")
    look(administrator, "hand-off", with_axe=True)
    with administrator.expect_download() as download:
        administrator.get_by_role("link", name="Download for CloudFormation").click()
    assert connection.external_id in Path(download.value.path()).read_text()

    # A token is shown once.
    owner.goto(f"/tenants/{cast.tenant.pk}/api-tokens/")
    owner.get_by_label("Name").fill("Pipeline")
    owner.get_by_role("button", name="Make the token").click()
    expect(owner.get_by_role("heading", name="Your new token “Pipeline”")).to_be_visible()
    look(owner, "token", with_axe=True)
    text = owner.get_by_role("main").locator("code").first.inner_text()
    owner.goto(f"/tenants/{cast.tenant.pk}/api-tokens/")
    expect(owner.get_by_role("main")).not_to_contain_text(text)
