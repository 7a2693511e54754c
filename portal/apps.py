"""The Django project: settings, addresses, home pages, embedded services."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Register the system checks."""
        from portal import checks  # noqa: F401 — checks register on import, which needs the apps loaded
