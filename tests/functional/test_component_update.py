"""A newer version of a component comes out; the customer sees what it adds, deploys it, and nothing stops meanwhile."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from portal.local.services import ROOT, free_port
from tests import processes
from tests.catalogues import ADDED, NEWER, OLDER, with_newer_log_analysis
from tests.customer import new_account_id
from tests.environment import BROKER
from tests.functional.customer_pages import expect_cause, expect_status, look, name_account, sign_up, verify


@pytest.mark.timeout(400)
def test_updated_in_the_browser_and_connected_all_the_while(browser, db, broker, sandbox_address, tmp_path) -> None:
    path, port = tmp_path / "catalogue.yaml", free_port()
    shutil.copy(ROOT / "catalogue.yaml", path)
    environment = {
        "CATALOGUE_FILE": str(path),
        "CELERY_BROKER_URL": BROKER.rsplit("/", 1)[0] + "/6",
        "BASE_URL": f"http://127.0.0.1:{port}",
    }
    with (
        processes.celery_worker("update-worker", environment),
        processes.celery_beat(environment),
        processes.portal("update-web", environment, port) as address,
    ):
        context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
        page = context.new_page()
        sign_up(page, "surveyor@blueharbour.example")
        page.get_by_role("link", name="First AWS account").click()
        connection = page.url
        for component in ("Compute analysis", "Storage analysis"):
            page.get_by_role("checkbox", name=component).uncheck()
        page.get_by_role("button", name="Save the choice").click()
        name_account(page, new_account_id())
        page.get_by_role("button", name=re.compile("Create the stack in sandbox account")).click()
        verify(page)
        expect_status(page, "Connected")
        expect(page.locator("#updates")).to_have_count(0)

        path.write_text(with_newer_log_analysis())
        page.wait_for_timeout(2_500)  # every process looks at the file once a second
        page.goto(connection)
        expect(page.locator("#updates")).to_contain_text(
            f"Your role for Log analysis is at {OLDER}; {NEWER} adds 2 list actions for Things that nobody looks at."
        )
        look(page, "update-offered", with_axe=True)
        verify(page)
        expect_status(page, "Connected")
        for action in ADDED:
            expect(page.locator(".check", has_text=action)).to_contain_text("Not applicable")
            expect_cause(page.locator(".check", has_text=action), "role_outdated")
        expect(page.locator(".problem")).to_have_count(0)

        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("Download the update")).click()
        assert download.value.suggested_filename.endswith(".yaml")
        page.goto(connection + "?format=cloudformation")
        page.get_by_role("button", name=re.compile("Update the stack in sandbox account")).click()
        verify(page)
        expect_status(page, "Connected")
        for action in ADDED:
            expect(page.locator(".check", has_text=action)).to_contain_text("Passed")
        page.goto(connection)
        expect(page.locator("#updates")).to_have_count(0)
        context.close()
