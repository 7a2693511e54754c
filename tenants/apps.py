"""Who: users, tenants, members, API tokens, audit."""

import importlib

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        """Make the look-ups known to queries: they register on import, which needs the apps loaded."""
        importlib.import_module("tenants.lookups")
