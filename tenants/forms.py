"""Forms of tenants."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.models import ApiToken
from tenants.names import clean_name


class NameField(forms.CharField):
    """What somebody calls something (`tenants.names`)."""

    def clean(self, value: Any) -> str:
        """The name as it is kept.

        Raises:
            ValidationError: it is empty, too long, or holds what nobody can see.
        """
        return str(super().clean(clean_name(str(value or ""))))


class TokenForm(forms.Form):
    """A new API token."""

    name = NameField(
        label=_("Name"),
        max_length=ApiToken._meta.get_field("name").max_length,
        help_text=_("What will use it, such as Deployment pipeline."),
        error_messages={"required": _("Give the token a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
