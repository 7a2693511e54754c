"""The external ID is replaced in a browser, from the first press to the proof that the previous one is refused; and a
role that holds another one then.
"""

import re
from functools import partial

import pytest
from playwright.sync_api import expect

from integrations.actions.external_id_rotations import start_rotation
from integrations.actions.role_templates import cloudformation_template
from integrations.models import Connection
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope
from tests.customer import connection_with_stack, stack_name
from tests.functional.customer_pages import DESK, PHONE, expect_cause, expect_status, follow, look, take_session, verify
from tests.functional.refusals import COMPUTE, CUSTOMER, LOGS, STORAGE, WHOLE_TRUST, Refusal, Scene


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("with_javascript", "width"), [(True, DESK), pytest.param(False, PHONE, marks=pytest.mark.nightly)]
)
def test_rotated_by_two_stack_updates_and_connected_all_the_while(
    browser, live_portal, worker, beat, cast, sign_in, with_javascript, width
) -> None:
    connection, _ = connection_with_stack(cast.tenant, components=["log-analysis"])
    address = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"
    previous = connection.external_id
    context = browser.new_context(
        base_url=live_portal, java_script_enabled=with_javascript, viewport={"width": width, "height": 740}
    )
    page = context.new_page()
    take_session(page, sign_in(cast.owner), live_portal)
    page.goto(address)
    verify(page)
    expect_status(page, "Connected")

    page.get_by_role("heading", name="Your external ID").click()  # it is folded once there is something to see below
    follow(page.get_by_role("link", name="Replace it by a new one"))
    look(page, "rotation-before", with_axe=True)
    page.get_by_role("button", name="Issue a new external ID").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text("1 of 2: your roles move to the new external ID")
    new = page.locator("#new-external-id").inner_text()
    assert new != previous
    expect(page.get_by_role("row", name=re.compile("Log analysis"))).to_contain_text("Not yet")
    expect(page.get_by_role("button", name="Call the rotation off")).to_be_visible()
    look(page, "rotation-moving", with_axe=True)
    page.goto(address)
    verify(page)
    expect_status(page, "Connected")
    not_moved = page.locator(".check[data-state=not_applicable]", has_text="does not accept your new external ID yet")
    expect_cause(not_moved, "next_external_id_not_accepted")
    expect(page.locator(".problem")).to_have_count(0)

    update_stack(page, address)
    verify(page)
    expect_status(page, "Connected")
    page.goto(address + "external-id-rotation/")
    expect(page.get_by_role("heading", level=2).first).to_have_text(
        "2 of 2: your roles close to the previous external ID"
    )
    expect(page.get_by_role("row", name=re.compile("Log analysis"))).to_contain_text("Yes, seen")
    expect(page.get_by_role("button", name="Call the rotation off")).to_have_count(0)
    look(page, "rotation-closing", with_axe=True)

    update_stack(page, address)
    verify(page)
    expect_status(page, "Connected")
    page.goto(address + "external-id-rotation/")
    expect(page.get_by_role("heading", level=2).first).to_have_text("The rotation is finished")
    look(page, "rotation-finished", with_axe=True)
    page.goto(address)
    expect(page.locator("#external-id-value")).to_have_text(new)
    page.get_by_text("The role does not accept your previous external ID").first.wait_for(state="attached")
    context.close()


@pytest.mark.timeout(300)
def test_a_role_that_holds_a_replaced_external_id_or_none_is_named_and_its_fix_connects_again(scene) -> None:
    previous, current = replace_external_id(scene)

    scene.change_trust(COMPUTE, lambda its: its[0].update(Condition={"StringEquals": {"sts:ExternalId": previous}}))
    both = {"StringEquals": {"sts:ExternalId": [current, previous]}}
    scene.change_trust(LOGS, lambda its: its[0].update(Condition=both))
    none = {"Null": {"sts:ExternalId": "true"}}
    scene.change_trust(STORAGE, lambda its: its[0].update(Condition=none))
    retired = "The role still accepts an external ID that is no longer yours"
    scene.play(
        "external-ids",
        Refusal(
            COMPUTE,
            "previous_external_id",
            "hop-c",
            CUSTOMER,
            ("The role still asks for your previous external ID", WHOLE_TRUST),
            scene.put_trust(COMPUTE),
        ),
        Refusal(
            LOGS,
            "retired_external_id_accepted",
            retired,
            CUSTOMER,
            (retired, WHOLE_TRUST),
            scene.put_trust(LOGS),
            "violated",
        ),
        Refusal(
            STORAGE,
            "trust_open_but_refused",
            "hop-c",
            CUSTOMER,
            ("refuses us, yet it lets callers in without your external ID", WHOLE_TRUST),
            scene.put_trust(STORAGE),
        ),
    )
    scene.verify_until_connected()  # the quarantine of the open role ends with the second clean verification


def update_stack(page, address: str) -> None:
    """Press the sandbox's button with the template as it is now."""
    page.goto(address + "?format=cloudformation")
    page.get_by_role("button", name=re.compile("(Create|Update) the stack in sandbox account")).click()
    expect(page.locator("#main").get_by_text(re.compile("The stack is in place"))).to_be_visible()


def replace_external_id(scene: Scene) -> tuple[str, str]:
    """Rotate the external ID to the end, by two updates of the stack; gives the previous one and the new one."""
    connection = scene.connection
    previous = connection.external_id
    with tenant_scope(connection.tenant_id):
        rotation, _ = start_rotation(connection=connection, by=SYSTEM)
    for state in (rotation.State.CLOSING, rotation.State.FINISHED):
        with tenant_scope(connection.tenant_id):
            connection.refresh_from_db()
            template = cloudformation_template(connection=connection)
        scene.account.deploy(stack_name(connection), template.text)
        scene.verify_until(partial(rotation_is, connection, state))
    return previous, rotation.new_external_id


def rotation_is(connection: Connection, state: str) -> bool:
    """Whether the rotation of the connection's external ID is so far."""
    return state_of_rotation(connection) == state


def state_of_rotation(connection: Connection) -> str:
    """How far the rotation of the connection's external ID is."""
    with tenant_scope(connection.tenant_id):
        return str(connection.external_id_rotations.get().state)
