"""The whole job in a browser, with a web server, a worker and an AWS that says no, each a process of its own."""

import json
import re
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect

from tests.customer import CustomerAccount, new_account_id
from tests.functional.customer_pages import (
    PHONE,
    expect_cause,
    expect_status,
    look,
    name_account,
    press_verify,
    sign_up,
    verify,
    wait_for_end,
)


@pytest.mark.timeout(300)
def test_from_sign_up_to_connected_then_unsafe_degraded_and_unreachable(browser_page, worker, beat) -> None:
    page = browser_page
    account = CustomerAccount(new_account_id())

    sign_up(page, "captain@blueharbour.example")
    page.get_by_role("link", name="First AWS account").click()
    external_id = page.locator("#external-id-value").inner_text()
    assert re.fullmatch(r"rb-[a-z2-7]{32}", external_id)

    look(page, "begun", with_axe=True)
    # One component of the three; why it needs what it needs is one click away.
    for component in ("Compute analysis", "Storage analysis"):
        page.get_by_role("checkbox", name=component).uncheck()
    page.get_by_text("6 permissions, and why").click()
    expect(page.get_by_text("Lists log groups with their size")).to_be_visible()
    page.get_by_role("button", name="Save the choice").click()
    expect(page.get_by_role("checkbox", name="Compute analysis")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="Log analysis")).to_be_checked()

    name_account(page, account.account_id)

    with page.expect_download() as download:
        page.get_by_role("link", name="Download for CloudFormation").click()
    template = Path(download.value.path()).read_text()
    assert re.fullmatch(r"rolebridge-[a-z0-9]{10}\.yaml", download.value.suggested_filename)
    (role,) = yaml.safe_load(template)["Resources"].values()
    role_name = role["Properties"]["RoleName"]
    assert external_id in template

    page.get_by_role("button", name=re.compile("Create the stack in sandbox account")).click()
    expect(page.get_by_text("The stack was put in place")).to_be_visible()

    verify(page)
    expect_status(page, "Connected")
    expect(page.locator("#live .note")).to_contain_text("Connected. Everything works.")
    expect(page.locator("#announcer")).to_have_text("Connected. Everything works.")  # a screen reader hears it
    expect(page.locator(".hop[data-state=passed]")).to_have_count(2)
    expect(page.locator(".check", has_text="Without any external ID nobody gets in")).to_contain_text("Passed")
    expect(page.locator(".check", has_text="logs:DescribeLogGroups")).to_contain_text("Passed")

    expect(page.locator(".place")).to_have_count(0)  # there is no step left
    page.reload()
    expect(page.get_by_role("heading", level=2).first).to_have_text("What we know")
    look(page, "connected", with_axe=True)

    # A careless edit of the trust policy. The page holds the whole policy that puts it right.
    account.remove_external_id_condition(role_name)
    verify(page)
    expect_status(page, "Unsafe")
    expect(page.locator(".problem").first).to_contain_text("Your role lets us in without any external ID")
    expect(page.locator(".problem").first).to_contain_text("you, or whoever runs this AWS account")
    expect(page.locator(".problem").first).to_contain_text("StringEquals sts:ExternalId")
    expect_cause(page.locator(".problem").first, "no_external_id_accepted")
    look(page, "unsafe", with_axe=True)
    trust = json.loads(page.locator("#log-analysis-problem-1-cure").inner_text())

    # Put right: the quarantine ends with the second clean verification, and the page says so after the first.
    account.set_trust(role_name, trust)
    verify(page)
    expect_status(page, "Unsafe")
    expect(page.locator("#live .note")).to_contain_text("one more clean verification is needed")
    verify(page)
    expect_status(page, "Connected")

    account.remove_permission(role_name, "cloudtrail:DescribeTrails")
    verify(page)
    expect_status(page, "Degraded")
    expect(page.locator(".problem")).to_have_count(1)
    expect(page.locator(".problem")).to_contain_text("cloudtrail:DescribeTrails")
    expect_cause(page.locator(".problem"), "missing_permission")
    expect(page.locator(".check", has_text="cloudtrail:DescribeTrails")).to_contain_text("Denied")
    look(page, "degraded", with_axe=True)
    account.add_statement(role_name, json.loads(page.locator("#log-analysis-problem-1-cure").inner_text()))
    verify(page)
    expect_status(page, "Connected")

    page.get_by_role("heading", name="Create the roles in your account").click()  # it is folded once all works
    page.get_by_role("button", name="Delete the stack").click()
    expect(page.get_by_text("The stack is deleted.")).to_be_visible()
    verify(page)
    expect_status(page, "Unreachable")
    expect(page.locator(".hop[data-state=denied]")).to_have_count(1)
    # The hop leads to who must act, and that to what to do.
    page.get_by_role("link", name="Who must act, and the fix").click()
    expect(page.locator(".problem:target")).to_contain_text("Who must act:")
    look(page, "unreachable", with_axe=True)

    # What was found before is kept, and is drawn in the same way.
    page.get_by_role("heading", name="Other verifications").scroll_into_view_if_needed()
    page.locator("#live a[href*='/verifications/']").last.click()
    expect(page.locator("#live .note")).to_contain_text("No problem was found.")
    expect(page.locator(".hop[data-state=passed]")).to_have_count(2)

    # What an auditor gets of it, and the list of all connections.
    page.get_by_role("link", name="Report for an auditor").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Verification report")
    page.emulate_media(media="print")
    look(page, "report-printed")
    page.emulate_media(media="screen")
    page.get_by_role("link", name="Connections", exact=True).first.click()
    page.get_by_role("checkbox", name="First AWS account").check()
    page.get_by_role("button", name="Verify the ticked").click()
    # The schedule re-verifies what is unreachable by itself, perhaps at this very moment.
    expect(page.locator(".toasts")).to_contain_text(re.compile("1 connection is verified now|being verified already"))
    look(page, "connections", with_axe=True)


def test_without_javascript_the_same_way_leads_to_connected(browser, live_portal, db, worker, beat) -> None:
    phone = {"width": PHONE, "height": 740}
    context = browser.new_context(base_url=live_portal, java_script_enabled=False, viewport=phone)
    page = context.new_page()

    sign_up(page, "purser@blueharbour.example")
    page.get_by_role("link", name="First AWS account").click()
    name_account(page, new_account_id())
    page.get_by_role("button", name=re.compile("Create the stack in sandbox account")).click()
    press_verify(page)
    wait_for_end(page)  # the page reloads itself

    expect_status(page, "Connected")
    context.close()


def test_the_page_turns_green_by_itself_once_the_stack_is_there(browser_page, worker, beat) -> None:
    page = browser_page
    account = CustomerAccount(new_account_id())
    sign_up(page, "boatswain@blueharbour.example")
    page.get_by_role("link", name="First AWS account").click()
    name_account(page, account.account_id)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download for CloudFormation").click()

    verify(page)
    expect(page.locator("#live .note")).to_contain_text("Waiting for AWS.")
    account.deploy("rolebridge", Path(download.value.path()).read_text())

    expect(page.locator("#connection-status")).to_have_text("Connected", timeout=60_000)


def test_a_verification_goes_on_when_the_page_is_closed(browser_page, worker, beat) -> None:
    page = browser_page
    sign_up(page, "mate@blueharbour.example")
    page.get_by_role("link", name="First AWS account").click()
    address = page.url
    name_account(page, new_account_id())
    page.get_by_role("button", name=re.compile("Create the stack in sandbox account")).click()

    press_verify(page)
    page.goto("about:blank")
    page.goto(address)

    wait_for_end(page)
    expect_status(page, "Connected")


def test_a_double_click_asks_for_one_verification(browser_page, worker, beat) -> None:
    page = browser_page
    sign_up(page, "cook@blueharbour.example")
    page.get_by_role("link", name="First AWS account").click()
    name_account(page, new_account_id())

    with page.expect_navigation():
        page.get_by_role("button", name="Verify").dblclick()
    wait_for_end(page)

    expect(page.get_by_role("heading", name="Other verifications")).to_have_count(0)
