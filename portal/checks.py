"""System checks: wrong combinations of settings, each with an id. `manage.py check --deploy` adds Django's own."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from integrations.actions.catalogue_releases import check_release
from integrations.catalogue import CatalogueError
from integrations.catalogue_file import catalogue
from integrations.models import CatalogueRelease
from tenants.scope import PRODUCT


@register()
def catalogue_is_valid(**_: Any) -> list[CheckMessage]:
    """rolebridge.E001: the catalogue loads."""
    try:
        catalogue()
    except (CatalogueError, OSError) as error:
        return [Error(str(error), hint=f"Mend {settings.CATALOGUE_FILE}.", id="rolebridge.E001")]
    return []


@register(Tags.database)
def catalogue_may_follow(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """rolebridge.E004: the catalogue may follow the one that was released last; `migrate` asks, too."""
    for alias in databases or []:
        if alias == PRODUCT:
            continue  # it reads no releases
        if CatalogueRelease._meta.db_table not in connections[alias].introspection.table_names():
            continue  # the first migration is still to come
        try:
            check_release(alias)
        except CatalogueError as error:
            return [Error(str(error), hint=f"Mend {settings.CATALOGUE_FILE}.", id="rolebridge.E004")]
    return []


@register(deploy=True)
def vendor_account_is_ours(**_: Any) -> list[CheckMessage]:
    """rolebridge.E002: the vendor's account id is 12 digits."""
    if len(settings.VENDOR_ACCOUNT_ID) == 12 and settings.VENDOR_ACCOUNT_ID.isdecimal():
        return []
    return [Error("VENDOR_ACCOUNT_ID is not 12 digits.", hint="Set it to your AWS account id.", id="rolebridge.E002")]


@register(deploy=True)
def outbound_calls_stay_outside(**_: Any) -> list[CheckMessage]:
    """rolebridge.E005: what customers name cannot lead to this machine."""
    if not settings.OUTBOUND_MAY_REACH_LOOPBACK:
        return []
    return [
        Error(
            "OUTBOUND_MAY_REACH_LOOPBACK lets customers' webhooks and identity providers reach this machine.",
            hint="Unset it: it is for `make run` and tests.",
            id="rolebridge.E005",
        )
    ]


@register(Tags.database)
def roles_obey_row_level_security(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """rolebridge.E003: no database role is a superuser or skips row-level security."""
    errors: list[CheckMessage] = []
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            role, skips = cursor.fetchone()
        if skips:
            errors.append(
                Error(
                    f"The database role {role} ({alias}) skips row-level security: tenants would see each other.",
                    hint=f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;",
                    id="rolebridge.E003",
                )
            )
    return errors
