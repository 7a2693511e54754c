"""Forms of connections. Actions judge what they are given; a form only keeps it, and shows what they said of it."""

from collections.abc import Iterable
from typing import cast

from django import forms
from django.utils.translation import gettext_lazy as _

from integrations.catalogue_file import catalogue
from integrations.models import Connection
from tenants.forms import NameField

NAME_LENGTH = Connection._meta.get_field("name").max_length


def _account_field(*, required: bool) -> forms.CharField:
    return forms.CharField(
        label=_("AWS account ID"),
        required=required,
        max_length=40,
        help_text=_("12 digits. You find them in the AWS console at the top right, under your user name."),
        error_messages={"required": _("Give the 12 digits of your AWS account ID.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}),
    )


class ConnectionForm(forms.Form):
    """A new connection."""

    name = NameField(
        label=_("Name"),
        max_length=NAME_LENGTH,
        help_text=_("What you call this AWS account, such as Production."),
        error_messages={"required": _("Give the connection a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    account_id = _account_field(required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as it came
        self.fields["account_id"].label = _("AWS account ID (you can give it later)")


class AccountForm(forms.Form):
    """The AWS account of a connection."""

    account_id = _account_field(required=True)


class ComponentsForm(forms.Form):
    """The components of a connection."""

    components = forms.MultipleChoiceField(
        label=_("Components"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one component."),
            "invalid_choice": _("There is no component “%(value)s”. Choose from the list."),
        },
    )

    def __init__(self, *args: object, chosen: Iterable[str] = (), **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as it came
        field = cast("forms.MultipleChoiceField", self.fields["components"])
        field.choices = [(component.id, component.name) for component in catalogue().components]
        field.initial = list(chosen)

    @property
    def selected(self) -> list[str]:
        """What is ticked: what was sent, else what is chosen."""
        return [str(value) for value in self["components"].value() or []]
