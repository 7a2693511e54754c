"""The pages of allauth that the portal offers, by allauth's own names, and our own beside them."""

from allauth.account import views
from allauth.account.decorators import reauthentication_required
from allauth.mfa.base import views as mfa_views
from allauth.mfa.recovery_codes import views as codes_views
from allauth.mfa.totp import views as totp_views
from allauth.usersessions.views import list_usersessions
from django.db import transaction
from django.urls import path, re_path

from portal import second_factor, single_sign_on, your_data

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("single-sign-on/", single_sign_on.find, name="single_sign_on_find"),
    path("single-sign-on/<uuid:tenant_id>/", single_sign_on.start, name="single_sign_on_start"),
    path("single-sign-on/<uuid:tenant_id>/callback/", single_sign_on.callback, name="single_sign_on_callback"),
    path("logout/", views.logout, name="account_logout"),
    # One transaction: a sign-up that fails half-way leaves neither a user nor a tenant.
    path("signup/", transaction.atomic(views.signup), name="account_signup"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("confirm-email/", views.email_verification_sent, name="account_email_verification_sent"),
    path("email/", views.email, name="account_email"),
    path("reauthenticate/", second_factor.reauthenticate_by_password, name="account_reauthenticate"),
    path("your-data/", your_data.account_data, name="account_data"),
    path("your-data/export/", your_data.account_export, name="account_export"),
    path("your-data/delete/", your_data.account_delete, name="account_delete"),
    path("your-data/delete/confirm/", your_data.account_delete_confirm, name="account_delete_confirm"),
    # Who only found an open browser ends nobody else's session.
    path("sessions/", reauthentication_required(list_usersessions, allow_get=True), name="usersessions_list"),
    path("second-factor/", mfa_views.index, name="mfa_index"),
    path("second-factor/authenticate/", mfa_views.authenticate, name="mfa_authenticate"),
    path("second-factor/reauthenticate/", mfa_views.reauthenticate, name="mfa_reauthenticate"),
    path("second-factor/app/", totp_views.activate_totp, name="mfa_activate_totp"),
    path("second-factor/app/remove/", totp_views.deactivate_totp, name="mfa_deactivate_totp"),
    path("second-factor/recovery-codes/", codes_views.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("second-factor/recovery-codes/new/", codes_views.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path(
        "second-factor/recovery-codes/download/",
        codes_views.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("password/change/", second_factor.change_password, name="account_change_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
