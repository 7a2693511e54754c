"""Every address of the portal. Each view declares its access rule (portal/access.py)."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("portal.account_urls")),
    path("admin/", admin.site.urls),
]
