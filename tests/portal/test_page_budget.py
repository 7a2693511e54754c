"""What a page may cost: queries of the database, and bytes over the wire."""

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext

from tests.functional.page_list import SIGNED_IN, make_things

MOST_QUERIES = 12
MOST_KILOBYTES = 60
ELSEWHERE = {"css/staff.css", "css/api-docs.css"}  # of Django admin and of the API's page alone
# Which open with the tenant's scope and the transaction around it, and are counted as the rest are.
OF_THE_TRANSACTION = ("SAVEPOINT", "RELEASE SAVEPOINT", "BEGIN", "COMMIT", "ROLLBACK")


@pytest.fixture
def ids(cast) -> dict[str, str]:
    """One of everything that a page shows."""
    return make_things(cast)


def test_no_page_asks_the_database_more_than_twelve_times(cast, sign_in, ids, settings) -> None:
    settings.AWS_ENDPOINT_URL = ""  # what a trial installation asks of its sandbox's stacks is not counted
    client = sign_in(cast.owner)
    too_many = {}

    for name, address in SIGNED_IN.items():
        with CaptureQueriesContext(databases["default"]) as queries:
            client.get(address.format_map(ids))
        asked = [query["sql"] for query in queries if not query["sql"].startswith(OF_THE_TRANSACTION)]
        if len(asked) > MOST_QUERIES:
            too_many[name] = asked

    assert {name: len(asked) for name, asked in too_many.items()} == {}, too_many


def test_the_connection_page_is_light_with_all_that_it_loads(cast, sign_in, ids, settings) -> None:
    page = sign_in(cast.owner).get(SIGNED_IN["connection"].format_map(ids)).content
    loaded = set(re.findall(r'(?:<script[^>]* src|rel="stylesheet" href)="/static/([^"]+)"', page.decode()))

    files = {name: Path(str(finders.find(name))).read_bytes() for name in loaded}
    sizes = {name: len(gzip.compress(text)) for name, text in {"the page itself": page, **files}.items()}

    style_sheets = {f"css/{one.name}" for one in (settings.BASE_DIR / "static" / "css").iterdir()}
    assert style_sheets - ELSEWHERE < loaded
    assert not ELSEWHERE & loaded
    assert sum(sizes.values()) / 1000 <= MOST_KILOBYTES, sizes
