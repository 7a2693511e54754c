"""What is told to security reviews names tests and tables that exist, and all that an installation is made of."""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from portal.local.services import ROOT
from scripts.sbom import bom
from tenants.actions.sealed_values import sealed_places
from tests.environment import DATABASE

DOCS = ROOT / "docs" / "security"
# Django's and the libraries' own bookkeeping, about nobody.
ABOUT_NOBODY = {
    "django_migrations", "django_content_type", "django_admin_log", "auth_permission", "auth_group",
    "auth_group_permissions", "tenants_user_groups", "tenants_user_user_permissions", "account_emailconfirmation",
    "integrations_cataloguerelease", "integrations_emergencystop", "integrations_vendoridentity",
    "integrations_integrationrole", "integrations_vendorexamination",
}  # fmt: skip


# The lowest level that asks for each requirement of a section, in their order; "-" where that is 3, or taken out.
# From the standard's own table, at github.com/OWASP/ASVS, commit 47721f8.
ASVS = {
    "V1.1": "2222222", "V1.2": "2222", "V1.4": "2--22", "V1.5": "2222", "V1.6": "2222", "V1.7": "22", "V1.8": "22",
    "V1.9": "22", "V1.10": "2", "V1.11": "22-", "V1.12": "-2", "V1.14": "222222",
    "V2.1": "111111111111", "V2.2": "111----", "V2.3": "122", "V2.4": "222222", "V2.5": "1111112", "V2.6": "222",
    "V2.7": "111122", "V2.8": "1222222", "V2.9": "222", "V2.10": "2222",
    "V3.1": "1", "V3.2": "1112", "V3.3": "1122", "V3.4": "11111", "V3.5": "222", "V3.6": "--", "V3.7": "1",
    "V4.1": "111-1", "V4.2": "11", "V4.3": "112",
    "V5.1": "11111", "V5.2": "11111111", "V5.3": "1111111111", "V5.4": "222", "V5.5": "1111",
    "V6.1": "222", "V6.2": "122222--", "V6.3": "22-", "V6.4": "22",
    "V7.1": "1122", "V7.2": "22", "V7.3": "2-22", "V7.4": "122",
    "V8.1": "2222--", "V8.2": "111", "V8.3": "11112222",
    "V9.1": "111", "V9.2": "2222-",
    "V10.1": "-", "V10.2": "22----", "V10.3": "111",
    "V11.1": "11111222",
    "V12.1": "122", "V12.2": "2", "V12.3": "111112", "V12.4": "11", "V12.5": "11", "V12.6": "1",
    "V13.1": "1-122", "V13.2": "111-22", "V13.3": "12", "V13.4": "22",
    "V14.1": "2222-", "V14.2": "111222", "V14.3": "-11", "V14.4": "1111111", "V14.5": "1112",
}  # fmt: skip
TABLE = re.compile(r"`([a-z]+_[a-z_]+)`")
NAMED = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")


def asvs_lines() -> list[list[str]]:
    """Of each line of the ASVS list: requirement, level, what it asks for, what holds it."""
    text = (DOCS / "asvs.md").read_text()
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| V")]


def kind(held: str) -> str:
    """Of which of the three kinds a line is."""
    return held.partition(":")[0] if held.startswith(("reason: ", "not met: ")) else "test"


@pytest.mark.parametrize("document", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    missing = []
    for path, names in NAMED.findall(document.read_text()):
        file = ROOT / path
        defined = set(re.findall(r"^ *(?:def|class) (\w+)", file.read_text(), re.MULTILINE)) if file.exists() else set()
        if not file.exists() or not set(names.split("::")[1:]) <= defined:
            missing.append(path + names)

    assert missing == []
    assert document.read_text().count("`tests/") == len(NAMED.findall(document.read_text())), "one is named otherwise"


def test_every_requirement_of_asvs_is_on_the_list_once_and_in_its_order() -> None:
    asked = [
        [f"{section}.{number}", level]
        for section, levels in ASVS.items()
        for number, level in enumerate(levels, start=1)
        if level != "-"
    ]

    assert [line[:2] for line in asvs_lines()] == asked


def test_every_line_of_the_asvs_list_has_a_test_or_a_reason_or_says_what_it_would_take() -> None:
    lines = asvs_lines()

    assert [line for line in lines if len(line) != 4] == []
    assert [name for name, _, _, held in lines if kind(held) == "test" and not NAMED.match(held)] == []
    assert [name for name, _, _, held in lines if len(held.partition(":")[2]) < 8 and not NAMED.match(held)] == []


def test_the_numbers_of_the_asvs_list_are_right() -> None:
    text = (DOCS / "asvs.md").read_text()
    of_all = Counter(kind(held) for *_, held in asvs_lines())
    head = re.search(
        r"Of (\d+), (\d+) are held by a test .*?, (\d+) have nothing.*? (\d+) are not met", text, re.DOTALL
    )

    assert [int(number) for number in head.groups()] == [
        of_all.total(), of_all["test"], of_all["reason"], of_all["not met"],
    ]  # fmt: skip
    chapters = re.findall(
        r"^## (V\d+) .*\n\n(\d+) held by a test, (\d+) with a reason, (\d+) not met\.$", text, re.MULTILINE
    )
    assert [chapter for chapter, *_ in chapters] == [f"V{number}" for number in range(1, 15)]
    for chapter, *numbers in chapters:
        of_this = Counter(kind(held) for name, *_, held in asvs_lines() if name.startswith(f"{chapter}."))
        assert [int(number) for number in numbers] == [of_this["test"], of_this["reason"], of_this["not met"]]


def test_the_inventory_names_every_table_that_holds_data(database) -> None:
    with psycopg.connect(database.url(DATABASE)) as superuser:
        rows = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    named = set(TABLE.findall((DOCS / "data-inventory.md").read_text()))

    assert {table for (table,) in rows} - ABOUT_NOBODY - named == set()


def test_each_table_of_the_inventory_has_a_class() -> None:
    text = (DOCS / "data-inventory.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    inventory = {table for row in rows if len(row) == 4 for table in TABLE.findall(row[1])}
    classed = [table for row in rows if row[0].startswith("**") for table in TABLE.findall(row[1])]

    assert set(classed) == inventory
    # Those of which a column or two lets somebody in, and the rest says who or what somebody is.
    assert {table for table, times in Counter(classed).items() if times > 1} == {
        "tenants_user", "tenants_invitation", "tenants_identityprovider"
    }  # fmt: skip


def test_the_page_about_keys_names_all_that_is_sealed_and_every_module_that_signs() -> None:
    text = (DOCS / "keys.md").read_text()
    sources = [file for app in ("portal", "tenants", "integrations") for file in (ROOT / app).rglob("*.py")]
    uses = re.compile(r"import salted_hmac|Signer|signing\.(dumps|loads)|settings\.SECRET_KEY\b")
    # The command tells of the key and does not use it; the other one signs requests to AWS.
    speaks = {"portal/management/commands/seal_again.py", "integrations/aws/client_creator.py"}
    sign = {str(file.relative_to(ROOT)) for file in sources if uses.search(file.read_text())} - speaks

    assert "portal/cache.py" in sign
    assert {path for path in sign if f"`{path}`" not in text} == set()
    assert {place.table for place in sealed_places() if f"`{place.table}`" not in text} == set()


def test_the_page_about_keys_names_every_setting_that_holds_a_secret() -> None:
    text = (DOCS / "keys.md").read_text()
    compose = (ROOT / "compose.yaml").read_text()
    by_address = {"DATABASE_PRODUCT_URL", "CELERY_BROKER_URL", "CACHE_URL"}

    names = set(re.findall(r"^ *([A-Z_]+)_FILE: /run/secrets/", compose, re.MULTILINE)) - {"POSTGRES_PASSWORD"}

    assert len(names) >= 6
    assert {name for name in names | by_address if f"`{name}`" not in text} == set()


def test_the_page_of_answers_is_one_page() -> None:
    words = re.findall(r"[^\s|]+", (DOCS / "answers.md").read_text())

    assert len(words) <= 700


def test_all_that_is_installed_in_production_is_in_the_sbom() -> None:
    locked = set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))

    listed = {(one.name, one.version) for one in bom().components if one.purl.type == "pypi"}

    assert listed == locked
    assert all(component.hashes for component in bom().components)


def test_all_that_is_served_from_a_copy_is_in_the_sbom() -> None:
    copied = {path.name: path for path in (ROOT / "static" / "vendor").iterdir()}
    elsewhere = [path for path in (ROOT / "static").rglob("*.min.*") if path.parent.parent.name != "vendor"]

    listed = {one.name: one for one in bom().components if one.purl.type == "npm"}

    assert set(listed) == set(copied)
    assert elsewhere == []
    htmx = listed["htmx"]
    script = (copied["htmx"] / "htmx.min.js").read_bytes()
    assert f'version:"{htmx.version}"'.encode() in script, "the README of the folder names another version"
    assert [one.content for one in htmx.hashes] == [hashlib.sha256(script).hexdigest()]
    assert [licence.id for licence in htmx.licenses] == ["0BSD"]


def test_a_copy_that_does_not_say_what_it_is_is_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "README.md").write_text("A thing.\n")
    monkeypatch.setattr("scripts.sbom.VENDORED", tmp_path)
    monkeypatch.setattr("scripts.sbom.ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("")

    with pytest.raises(SystemExit, match=r"thing/README\.md does not begin"):
        bom()


def test_what_make_sbom_prints_is_cyclonedx() -> None:
    printed = subprocess.run([sys.executable, "-m", "scripts.sbom"], cwd=ROOT, capture_output=True, check=True).stdout

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(printed.decode()) is None
    assert len(json.loads(printed)["components"]) == len(bom().components)
