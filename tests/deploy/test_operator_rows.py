"""The README's rows for operators: each leads somewhere, and each command to what it printed last."""

import re

import pytest

from portal.local.services import ROOT

README = (ROOT / "README.md").read_text()
ROWS = re.findall(r"^\| (?!To \||---)(.+) \|$", README.split("## For operators\n")[1].split("\n## ")[0], re.MULTILINE)
LINK = re.compile(r"\[([^]]+)\]\(([^)#]+)(?:#([^)]+))?\)")
# What is asked of a running installation rather than tried; what it is tried by stands beside it.
OF_AN_INSTALLATION = {"python manage.py vendor_doctor", "make sbom"}


def anchors(text: str) -> set[str]:
    """What the headings of a page are called in addresses."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partition(" |")[0])
def test_a_row_leads_to_what_is_there(row) -> None:
    links = LINK.findall(row)

    assert links
    for _, path, anchor in links:
        assert (ROOT / path).is_file(), path
        assert not anchor or anchor in anchors((ROOT / path).read_text()), f"{path} has no heading for #{anchor}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partition(" |")[0])
def test_each_command_of_a_row_has_its_last_output(row) -> None:
    commands = re.findall(r"`((?:python|make|promtool|deploy/)[^`]*)`", row)
    tried = [command for command in commands if command not in OF_AN_INSTALLATION]
    outputs = "\n".join((ROOT / path).read_text() for name, path, _ in LINK.findall(row) if name == "last")

    assert not tried or outputs
    for test_file in re.findall(r"tests/[\w/]+\.py", " ".join(tried)):
        assert (ROOT / test_file).is_file()
        assert test_file in outputs, f"what {test_file} printed last stands nowhere"
