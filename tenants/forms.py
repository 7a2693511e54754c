"""Forms of tenants."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.models import ApiToken, Member
from tenants.names import clean_name
from tenants.permissions import Role


class NameField(forms.CharField):
    """What somebody calls something (`tenants.names`)."""

    def clean(self, value: Any) -> str:
        """The name as it is kept.

        Raises:
            ValidationError: it is empty, too long, or holds what nobody can see.
        """
        return str(super().clean(clean_name(str(value or ""))))


class RoleForm(forms.Form):
    """The role of a member: those that the acting member may give."""

    role = forms.ChoiceField(label=_("Role"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, acting: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ChoiceField", self.fields["role"])
        field.choices = [(role.value, role.label) for role in Role if Role(acting.role).may_give(role)]


class InvitationForm(RoleForm):
    """An invitation."""

    email = forms.EmailField(
        label=_("Email"),
        max_length=254,
        error_messages={"required": _("Give the address of the person you invite.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["email", "role"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].initial = Role.VIEWER


class TokenForm(forms.Form):
    """A new API token."""

    name = NameField(
        label=_("Name"),
        max_length=ApiToken._meta.get_field("name").max_length,
        help_text=_("What will use it, such as Deployment pipeline."),
        error_messages={"required": _("Give the token a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
