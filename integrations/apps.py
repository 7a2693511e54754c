"""What: catalogue, connections, customer roles, verifications, sessions."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
