"""The Django project: settings, addresses, home pages, embedded services; and Django admin as it configures it."""

import importlib

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class PortalConfig(AppConfig):
    name = "portal"
    default = True

    def ready(self) -> None:
        """Register the system checks and what listens: both do on import, which needs the apps loaded."""
        for module in ("checks", "second_factor", "session_age", "sign_in_log"):
            importlib.import_module(f"portal.{module}")


class StaffAdminConfig(SimpleAdminConfig):
    """Django admin with our site, and with the models of our apps alone: no library's are found and shown."""

    default_site = "portal.admin_site.StaffAdminSite"

    def ready(self) -> None:
        """Register the models: each module does when it is imported, which needs the apps loaded."""
        super().ready()
        for module in ("tenants.admin", "integrations.admin"):
            importlib.import_module(module)
