"""The page of behaviours names tests that exist."""

import re

import pytest

from tests.sandbox_server import ROOT

pytestmark = pytest.mark.sandbox_only("reads a page of the documentation")

PAGE = ROOT / "docs" / "reference" / "sandbox-behaviours.md"
TESTS = ROOT / "tests" / "integrations" / "sandbox"


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", PAGE.read_text())

    assert len(named) > 80
    missing = [
        f"{file}::{name}" for file, name in named
        if not (TESTS / file).exists() or (name and f"\ndef {name}(" not in (TESTS / file).read_text())
    ]  # fmt: skip
    assert missing == []


def test_every_row_of_the_page_names_a_test():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("|--")]

    assert [row for row in rows if "`test_" not in row and not row.endswith("| Test |")] == []
