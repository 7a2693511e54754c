"""The way from external ID to connected: the page keeps the place, on any day and any device."""

import re

import pytest

from integrations.actions.connections import create_connection, update_connection
from integrations.actions.verifications import request_verification
from integrations.models import CustomerRole
from tenants.audit import SYSTEM
from tenants.scope import tenant_scope


@pytest.fixture
def begun(cast):
    """A connection as it is after sign-up: an external ID, the components of the catalogue, no account."""
    with tenant_scope(cast.tenant.pk):
        return create_connection(tenant=cast.tenant, name="First", by=SYSTEM)


@pytest.fixture
def page_of(cast, sign_in):
    """The connection's page, as another member sees it in a browser of their own."""

    def page_of(connection) -> str:
        address = f"/tenants/{cast.tenant.pk}/connections/{connection.pk}/"
        return sign_in(cast.admin).get(address).content.decode()

    return page_of


def place_in(page: str) -> str:
    """What the page says of the place, as plain words."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.split('class="place"')[1].split("</p>")[0]).split())


def open_steps(page: str) -> list[str]:
    """The steps that are unfolded."""
    found = re.findall(r'<li class="step"\s+id="([a-z-]+)".*?<details class="fold"\s*(open)?\s*>', page, re.DOTALL)
    return [name for name, is_open in found if is_open]


def test_it_begins_with_what_to_read_and_the_account_to_name(begun, page_of) -> None:
    page = page_of(begun)

    assert "Step 3 of 5 : name your AWS account." in place_in(page)
    assert open_steps(page) == ["external-id", "components", "account", "template"]
    assert "and none of your data" in page


def test_whoever_comes_back_finds_the_template_open_and_what_is_done_folded(cast, begun, page_of) -> None:
    with tenant_scope(cast.tenant.pk):
        update_connection(connection=begun, account_id="222233334444", by=SYSTEM)

    page = page_of(begun)

    assert "Step 4 of 5 : create the roles in your account, then verify." in place_in(page)
    assert open_steps(page) == ["template"]
    assert "Hand it to your cloud administrator" in page


def test_after_the_first_verification_the_place_is_the_last_step(cast, begun, page_of, broker) -> None:
    with tenant_scope(cast.tenant.pk):
        update_connection(connection=begun, account_id="222233334444", by=SYSTEM)
        request_verification(connection=begun, by=SYSTEM)

    assert "Step 5 of 5 : verify." in place_in(page_of(begun))


def test_without_a_component_the_place_is_their_choice(cast, begun, page_of) -> None:
    with tenant_scope(cast.tenant.pk):
        CustomerRole.objects.all().delete()

    assert "Step 2 of 5 : choose components." in place_in(page_of(begun))


def test_a_connection_in_use_shows_what_is_known_before_how_it_was_set_up(cast, begun, page_of) -> None:
    with tenant_scope(cast.tenant.pk):
        update_connection(connection=begun, account_id="222233334444", by=SYSTEM)
        CustomerRole.objects.update(status="connected", worked_at=begun.created_at)

    page = page_of(begun)

    assert 'class="place"' not in page
    assert page.index('id="live"') < page.index('id="external-id"')
    assert open_steps(page) == []
