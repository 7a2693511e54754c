"""The databases that a process speaks to: one address for each database role (docs/adr/0004)."""

from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from portal.environment import PRODUCTION, environment, number, outside_production, setting

ADDRESSES = {
    "default": "DATABASE_URL",
    "staff": "DATABASE_STAFF_URL",
    "product": "DATABASE_PRODUCT_URL",
    "owner": "DATABASE_OWNER_URL",
}
_HINT = "Set it to postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full (docs/production.md lists the roles)."


def configured() -> dict[str, dict[str, Any]]:
    """Those whose addresses this process is given, by alias.

    Raises:
        ImproperlyConfigured: an address is missing, or is not one of PostgreSQL.
    """
    found = {"default": _pooled(_database("default")), "staff": _pooled(_database("staff"))}
    # Who has no product that asks with service tokens needs no address for it: the operations say so then.
    if not PRODUCTION or environment.get("DATABASE_PRODUCT_URL") or environment.get("DATABASE_PRODUCT_URL_FILE"):
        found["product"] = _pooled(_database("product"))
    # The owner of the schema could undo what the other roles are held to, so only the process that migrates knows it.
    if not PRODUCTION or environment.get("DATABASE_OWNER_URL") or environment.get("DATABASE_OWNER_URL_FILE"):
        found["owner"] = _database("owner")
    return found


def _database(alias: str) -> dict[str, Any]:
    name = ADDRESSES[alias]
    role = "rolebridge_app" if alias == "default" else f"rolebridge_{alias}"
    url = setting(name, _HINT, outside_production(f"postgresql://{role}@127.0.0.1:5432/rolebridge"))
    settings: dict[str, Any] = dict(dj_database_url.parse(url))
    if settings["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"{name} must be a postgresql:// address: row-level security needs PostgreSQL.")
    return settings


def _pooled(settings: dict[str, Any]) -> dict[str, Any]:
    pool = {"min_size": 1, "max_size": number("DATABASE_POOL_SIZE", 20), "timeout": 5}
    options = settings.get("OPTIONS", {}) | {"pool": pool, "connect_timeout": 5}
    # A pooler in transaction mode gives every transaction another connection, so no server-side cursors.
    return settings | {"OPTIONS": options, "DISABLE_SERVER_SIDE_CURSORS": True}
