"""What several of these tests look at in a browser."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.customer import sandbox_control
from tests.functional.page_list import make_things
from tests.functional.refusals import Scene


@pytest.fixture
def ids(cast) -> dict[str, str]:
    """One of everything that a page shows."""
    return make_things(cast)


@pytest.fixture
def watched(browser, live_portal, db):
    """A page, with the origins that it asks and the refusals that the browser reports."""
    context = browser.new_context(base_url=live_portal)
    page = context.new_page()
    origins, refusals = set(), []
    page.on("request", lambda request: origins.add(urlsplit(request.url)[:2]))
    page.on(
        "console", lambda message: refusals.append(message.text) if "Content Security Policy" in message.text else 0
    )
    yield page, origins, refusals
    context.close()


@pytest.fixture
def scene(browser_page, worker, beat, cast, sign_in, live_portal) -> Iterator[Scene]:
    """All roles are connected, and no fault is left in the sandbox."""
    yield Scene(browser_page, cast, sign_in(cast.owner), live_portal)
    sandbox_control("faults", {"clear": True})
