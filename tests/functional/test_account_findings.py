"""Where it is the account that does not fit, it is ours to act; the customer reads that, and nothing beside."""

import re

from playwright.sync_api import Locator, expect

from integrations.actions import verification_runs
from integrations.aws.checks import chain as chain_checks
from tenants.audit import SYSTEM
from tests.customer import connection_with_stack, new_account_id, verify_twice
from tests.functional.customer_pages import expect_cause, expect_status, look, take_session, verify
from tests.functional.refusals import LOGS, STORAGE, VENDOR
from tests.verifications import role_name


def test_an_account_that_another_organisation_proved_is_ours_to_clear_and_nothing_else_is_told(
    browser_page, worker, beat, cast, sign_in, live_portal
) -> None:
    page = browser_page
    theirs, account = connection_with_stack(cast.other_tenant, components=[LOGS])
    verify_twice(theirs)
    claim, _ = connection_with_stack(cast.tenant, components=[LOGS, STORAGE], account=account)
    account.remove_external_id_condition(role_name(claim, STORAGE))

    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(f"/tenants/{cast.tenant.pk}/connections/{claim.pk}/")
    verify(page)

    expect_status(page, "Awaiting")
    expect(page.locator("#live .note")).to_contain_text("This one is ours to put right.")
    for component in (LOGS, STORAGE):
        problem = page.locator(f"#run-{component} .problem")
        expect_ours(problem, "We could not confirm this AWS account", "Please contact our support")
        expect_cause(problem, "account_not_confirmed")
    # Of its own role, which is closed, the claimant reads all; of the open one nothing, not even that it is open.
    expect(page.locator(f"#run-{LOGS} .hop[data-state=passed]")).to_have_count(2)
    expect(page.locator(f"#run-{STORAGE} .hop[data-state=passed]")).to_have_count(0)
    expect(page.locator(f"#run-{STORAGE} .check:not([data-state=skipped])")).to_have_count(1)
    for theirs_alone in (cast.other_tenant.name, theirs.external_id, theirs.reference, str(theirs.pk)):
        assert theirs_alone not in page.content()
    look(page, "account-not-confirmed", with_axe=True)


def test_a_role_in_another_account_than_was_named_is_ours_to_look_into(
    browser_page, cast, sign_in, live_portal, monkeypatch
) -> None:
    page = browser_page
    connection, _ = connection_with_stack(cast.tenant, components=[LOGS])
    # AWS enters no other account than the role's own: only we could mix them up.
    monkeypatch.setattr(chain_checks, "caller_account", lambda vendor, session: (new_account_id(), "request-1"))
    verification_runs.verify_now(connection=connection, by=SYSTEM)

    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/")

    expect(page.locator("#live .note")).to_contain_text("This is our fault, not yours.")
    problem = page.locator(".problem")
    expect_ours(problem, "The role is not in the account you named", "There is nothing for you to do")
    expect_cause(problem, "account_differs")
    expect(page.locator(".check[data-state=violated]")).to_have_text(re.compile("The role is in the account you named"))
    expect(page.locator(".node__alarm")).to_have_count(0)  # that the role stands open was not found
    look(page, "account-differs", with_axe=True)


def expect_ours(problem: Locator, *words: str) -> None:
    """The only problem of its role, for the vendor to act on: there is nothing to copy and nobody to forward it to."""
    expect(problem).to_have_count(1)
    expect(problem).to_contain_text(f"Who must act: {VENDOR}")
    for text in words:
        expect(problem).to_contain_text(text)
    expect(problem.locator("pre")).to_have_count(0)
