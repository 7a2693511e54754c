"""Every address of the portal. Each view declares its access rule (portal/access.py)."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from tenants.api.views import nothing_here

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("portal.account_urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("integrations.api.urls")),
    re_path(r"^api/", nothing_here),
]
handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.permission_denied"
handler500 = "portal.errors.server_error"
