"""Forms of single sign-on."""

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.models import IdentityProvider, TenantDomain


class IdentityProviderForm(forms.Form):
    """A tenant's provider."""

    issuer = forms.CharField(
        label=_("Issuer"),
        max_length=IdentityProvider._meta.get_field("issuer").max_length,
        help_text=_("The address that the provider calls itself, such as https://login.example.com/"),
        error_messages={"required": _("Give the issuer.")},
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
    )
    client_id = forms.CharField(
        label=_("Client ID"),
        max_length=IdentityProvider._meta.get_field("client_id").max_length,
        error_messages={"required": _("Give the client ID.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    client_secret = forms.CharField(
        label=_("Client secret"),
        max_length=191,
        required=False,
        help_text=_("It is kept sealed and never shown. Left empty, the one that is there stays."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    enabled = forms.BooleanField(
        label=_("Members can sign in this way"),
        required=False,
        help_text=_("While it is switched off, sessions that the provider opened are over."),
    )
    required = forms.BooleanField(
        label=_("Members must sign in this way"),
        required=False,
        help_text=_(
            "Owners can always sign in with their password as well, so that a broken provider locks nobody out."
        ),
    )


class DomainForm(forms.Form):
    """A mail domain to verify."""

    domain = forms.CharField(
        label=_("Domain"),
        max_length=253,
        help_text=_("What stands after the @ of your addresses."),
        error_messages={"required": _("Give a domain.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    mailbox = forms.ChoiceField(
        label=_("Send the link to"),
        choices=[(box.value, f"{box.value}@…") for box in TenantDomain.Mailbox],
        initial=TenantDomain.Mailbox.POSTMASTER,
    )
