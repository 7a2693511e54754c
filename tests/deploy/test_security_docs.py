"""What is told to security reviews names tests and tables that exist, and all that an installation is made of."""

import re
from pathlib import Path

import psycopg
import pytest

from portal.local.services import ROOT
from scripts.sbom import bom
from tests.environment import DATABASE

DOCS = ROOT / "docs" / "security"
# Django's and the libraries' own bookkeeping, about nobody.
ABOUT_NOBODY = {
    "django_migrations", "django_content_type", "django_admin_log", "auth_permission", "auth_group",
    "auth_group_permissions", "tenants_user_groups", "tenants_user_user_permissions", "account_emailconfirmation",
    "integrations_cataloguerelease", "integrations_emergencystop", "integrations_vendoridentity",
    "integrations_integrationrole", "integrations_vendorexamination",
}  # fmt: skip


@pytest.mark.parametrize("document", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", document.read_text()))

    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_line_of_the_asvs_list_has_a_test_or_a_reason() -> None:
    lines = [line for line in (DOCS / "asvs.md").read_text().splitlines() if line.startswith("| V")]

    assert len(lines) > 40
    assert [line for line in lines if not re.search(r"tests/|reason:|make |\]\(", line)] == []


def test_the_inventory_names_every_table_that_holds_data(database) -> None:
    with psycopg.connect(database.url(DATABASE)) as superuser:
        rows = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", (DOCS / "data-inventory.md").read_text()))

    assert {table for (table,) in rows} - ABOUT_NOBODY - named == set()


def test_all_that_is_installed_in_production_is_in_the_sbom() -> None:
    locked = set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))

    listed = {(component.name, component.version) for component in bom().components}

    assert listed == locked
    assert all(component.hashes for component in bom().components)
