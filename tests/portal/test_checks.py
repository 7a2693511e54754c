"""System checks, each by its id."""

import psycopg

from integrations.catalogue import CatalogueError
from portal import checks
from tests.environment import DATABASE


def test_e001_a_broken_catalogue_is_an_error_that_names_the_place(monkeypatch) -> None:
    def broken() -> None:
        raise CatalogueError("catalogue.yaml, line 7: components.0.id: too long")

    monkeypatch.setattr(checks, "catalogue", broken)

    (error,) = checks.catalogue_is_valid()

    assert error.id == "rolebridge.E001"
    assert "line 7" in error.msg


def test_e002_the_vendors_account_id_is_12_digits(settings) -> None:
    settings.VENDOR_ACCOUNT_ID = "12345"

    (error,) = checks.vendor_account_is_ours()

    assert error.id == "rolebridge.E002"


def test_e003_a_role_that_skips_row_level_security_is_an_error(db, database) -> None:
    assert checks.roles_obey_row_level_security(databases=["default", "staff", "owner"]) == []

    with psycopg.connect(database.url(DATABASE), autocommit=True) as superuser:
        superuser.execute("ALTER ROLE rolebridge_app BYPASSRLS")
        try:
            (error,) = checks.roles_obey_row_level_security(databases=["default"])
        finally:
            superuser.execute("ALTER ROLE rolebridge_app NOBYPASSRLS")

    assert error.id == "rolebridge.E003"


def test_e005_customers_addresses_leading_to_this_machine_are_an_error(settings) -> None:
    settings.OUTBOUND_MAY_REACH_LOOPBACK = True

    (error,) = checks.outbound_calls_stay_outside()

    assert error.id == "rolebridge.E005"
