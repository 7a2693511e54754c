"""Django admin, for the vendor's support staff: who gets in, which addresses it has, and its content security policy.

It is served as the staff's database role (`portal.middleware.staff_database`), which reads across tenants and writes
hardly anything.
"""

from collections.abc import Callable
from typing import Any, cast

from allauth.account.decorators import secure_admin_login
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver
from unfold.sites import UnfoldAdminSite

# The theme evaluates Alpine expressions and writes styles into the page, which the portal's own policy refuses. Nothing
# else is looser: no script of another origin, and none that stands in the page.
ADMIN_CONTENT_SECURITY_POLICY = {
    "default-src": [NONE],
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}

_NOT_OFFERED = frozenset({"password_change_done", "view_on_site", "autocomplete"})


class StaffAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """The pages for support staff."""

    index_title = "Support"
    index_template = "integrations/admin/dashboard.html"
    enable_nav_sidebar = True

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Django's and the theme's addresses, without those that staff has no use for."""
        return [url for url in super().get_urls() if getattr(url, "name", None) not in _NOT_OFFERED]

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        """The view for staff alone, under admin's own policy."""
        guarded: Any = csp(ADMIN_CONTENT_SECURITY_POLICY)(super().admin_view(view, cacheable))
        return cast("Callable[..., HttpResponse]", guarded)

    def password_change(self, _request: HttpRequest, _extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The portal's own page: the staff's database role may not write a password, nor should it."""
        return redirect("account_change_password")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Signing in is allauth's: its rate limits and checks hold for staff as for everybody."""
        response: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return response
