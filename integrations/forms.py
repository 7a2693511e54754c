"""Forms of connections. Actions judge what they are given; a form only keeps it, and shows what they said of it."""

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

from django import forms
from django.db.models import Case, F, When
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from integrations.actions.hand_off_links import LONGEST_DAYS, USUAL_DAYS
from integrations.catalogue_file import catalogue
from integrations.models import Connection, Finding, Verification
from integrations.models.connection import BY_URGENCY
from integrations.readers_language import refusal_in_readers_language
from integrations.role_templates.options import InvalidRoleOption, RoleOptions, parse_tags
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


class RoleOptionsForm(forms.Form):
    """The options of a connection's roles."""

    name_pattern = forms.CharField(
        label=_("Role names"),
        max_length=128,
        help_text=_("A pattern with {connection} and {component} once each."),
        error_messages={"required": _("Give a pattern, such as rolebridge-{connection}-{component}.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    path = forms.CharField(
        label=_("Role path"),
        max_length=600,
        help_text=_("Begins and ends with a slash, such as /partners/. A single slash is the usual one."),
        error_messages={"required": _("Give a path; a single slash is the usual one.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    boundary_arn = forms.CharField(
        label=_("Permissions boundary"),
        required=False,
        max_length=2048,
        help_text=_("ARN of a managed policy in the account that limits what the roles can ever do; empty for none."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    tags = forms.CharField(
        label=_("Tags of your own"),
        required=False,
        max_length=20_000,
        help_text=_("One key=value a line. Two tags of ours come with them."),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )
    max_session_seconds = forms.IntegerField(
        label=_("Maximum session length, in seconds"),
        help_text=_("3600 to 43200. An hour is enough: sessions that we open through our own role never last longer."),
        error_messages={"required": _("Give a number of seconds; 3600 is enough."), "invalid": _("Give a number.")},
    )
    regions = forms.CharField(
        label=_("Allowed regions"),
        required=False,
        max_length=2000,
        help_text=_(
            "Codes such as eu-central-1, with spaces between them. The roles can then be used there only, and we look "
            "there only; empty for all regions."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    self_inspection = forms.BooleanField(
        label=_("Let each role read itself"),
        required=False,
        help_text=_(
            "A role may then read its own settings and policies, and ask IAM to simulate them: its own, and nothing "
            "else of your account. With it we can say why a permission is missing, see that a trust policy was edited, "
            "and check permissions that no harmless call can prove. Without it we can only say what works and what "
            "does not."
        ),
    )

    @staticmethod
    def initial_of(options: RoleOptions) -> dict[str, Any]:
        """What the form shows of options."""
        return {
            "name_pattern": options.name_pattern,
            "path": options.path,
            "boundary_arn": options.boundary_arn,
            "tags": "\n".join(f"{key}={value}" for key, value in options.tags),
            "max_session_seconds": options.max_session_seconds,
            "regions": " ".join(options.regions),
            "self_inspection": options.self_inspection,
        }

    def clean_tags(self) -> tuple[tuple[str, str], ...]:
        """The tags as pairs."""
        try:
            return parse_tags(self.cleaned_data["tags"])
        except InvalidRoleOption as error:
            raise forms.ValidationError(refusal_in_readers_language(error)) from None

    @property
    def options(self) -> dict[str, Any]:
        """The choices, by the names of RoleOptions."""
        return {**self.cleaned_data, "regions": tuple(self.cleaned_data["regions"].replace(",", " ").split())}


class FindingFilterForm(forms.Form):
    """Which findings of a connection are shown."""

    PROBLEMS = "problems"

    verification = forms.ChoiceField(label=_("Verification"), required=False)
    component = forms.ChoiceField(label=_("Component"), required=False)
    outcome = forms.ChoiceField(
        label=_("Result"),
        required=False,
        choices=[("", _("All")), (PROBLEMS, _("What somebody must act on")), *Finding.Outcome.choices],
    )
    who = forms.ChoiceField(label=_("Who must act"), required=False, choices=[("", _("All")), *Finding.Who.choices])

    def __init__(self, data: QueryDict, *, verifications: Iterable[Verification], components: Iterable[str]) -> None:
        super().__init__(data)
        chosen = cast("forms.ChoiceField", self.fields["verification"])
        chosen.choices = [(str(one.pk), date_format(one.requested_at, "j M Y H:i:s") + " UTC") for one in verifications]
        named = cast("forms.ChoiceField", self.fields["component"])
        named.choices = [("", _("All")), *((one, catalogue().name_of(one)) for one in components)]


# How the list of connections is sorted, by what its form says.
ORDERS = {
    "newest": ("-created_at",),
    "urgent": (Case(*(When(worst_status=status, then=place) for place, status in enumerate(BY_URGENCY))), "name", "pk"),
    "name": ("name", "pk"),
    "longest": (F("verified_at").asc(nulls_first=True), "pk"),
}
CHOSEN, WHICH, FAILED_ONES = "connections", "which", "failed"


class ConnectionFilterForm(forms.Form):
    """Which connections the list shows, and in what order."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        help_text=_("Name, AWS account, external ID."),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("All")), *((one.value, one.label) for one in BY_URGENCY)]
    )
    sort = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[
            ("newest", _("Newest first")),
            ("urgent", _("Worst status first")),
            ("name", _("By name")),
            ("longest", _("Longest unverified first")),
        ],
    )


class ChosenConnectionsForm(forms.Form):
    """Which connections to verify at once: those that are ticked, or all that did not pass."""

    which = forms.ChoiceField(choices=[(CHOSEN, CHOSEN), (FAILED_ONES, FAILED_ONES)])
    connections = forms.TypedMultipleChoiceField(coerce=UUID, required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        # Whatever is an id: the action sees to whose it is.
        field = cast("forms.TypedMultipleChoiceField", self.fields["connections"])
        field.choices = [(value, value) for value in data.getlist("connections") if is_uuid(value)]

    def clean(self) -> dict[str, Any]:
        """Refuse the choice of nothing."""
        cleaned = super().clean() or {}
        if cleaned.get("which") == CHOSEN and not cleaned.get("connections"):
            raise forms.ValidationError(_("Choose at least one connection."))
        return cleaned


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class HandOffLinkForm(forms.Form):
    """A new hand-off link."""

    days = forms.IntegerField(
        label=_("Days it lasts"),
        initial=USUAL_DAYS,
        help_text=_("1 to %d.") % LONGEST_DAYS,
        error_messages={"required": _("Give a number of days."), "invalid": _("Give a number of days.")},
    )
