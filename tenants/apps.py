"""Who: users, tenants, members, API tokens, audit."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        """Make the look-ups known to queries."""
        from tenants import lookups  # noqa: F401 — models can be imported from here on
