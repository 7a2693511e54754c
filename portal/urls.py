"""Every address of the portal. Each view declares its access rule (portal/access.py)."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from portal import gallery, health, home
from portal.security_txt import security_txt
from tenants.api.views import nothing_here

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    # Before those that begin with nothing: a call of the API would be compared with each page's address first.
    path("api/v1/", include("integrations.api.urls")),
    path("organisations/", home.organisations, name="organisations"),
    path("", include("integrations.urls")),
    path("", include("tenants.urls")),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path(".well-known/security.txt", security_txt, name="security_txt"),
    path("accounts/", include("portal.account_urls")),
    path("admin/", admin.site.urls),
    re_path(r"^api/", nothing_here),
]
if not settings.PRODUCTION:
    urlpatterns += [
        path("_mail/", home.mailbox, name="mailbox"),
        path("_components/", gallery.gallery, name="gallery"),
    ]
handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.permission_denied"
handler500 = "portal.errors.server_error"
