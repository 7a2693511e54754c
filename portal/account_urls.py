"""The pages of allauth that the portal offers, by allauth's own names."""

from allauth.account import views
from django.db import transaction
from django.urls import path, re_path
from django.views.generic import RedirectView

from tenants.access import public

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    # One transaction: a sign-up that fails half-way leaves neither a user nor a tenant.
    path("signup/", transaction.atomic(views.signup), name="account_signup"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("confirm-email/", views.email_verification_sent, name="account_email_verification_sent"),
    # allauth names this page in its sign-up; addresses cannot be changed yet, so it leads home.
    path("email/", public(RedirectView.as_view(pattern_name="home")), name="account_email"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
