"""Who: users, tenants, members, API tokens, audit."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
