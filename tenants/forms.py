"""Forms of tenants."""

from datetime import UTC, datetime, time
from typing import Any, cast

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.actions.tokens import LONGEST_DAYS, USUAL_DAYS
from tenants.audit import SOURCES
from tenants.audit_actions import AuditAction
from tenants.models import ApiToken, Member, Tenant
from tenants.names import clean_name
from tenants.permissions import Role, Scope


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


class SettingsForm(forms.Form):
    """The settings of a tenant."""

    name = NameField(
        label=_("Name of the organisation"),
        max_length=Tenant._meta.get_field("name").max_length,
        error_messages={"required": _("Give the organisation a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    require_second_factor = forms.BooleanField(
        label=_("Every member needs a second factor"),
        required=False,
        help_text=_("Members without one set it up before they see anything of this organisation."),
    )
    daily_digest = forms.BooleanField(
        label=_("Mails about changes once a day"),
        required=False,
        help_text=_("One mail in the morning (UTC) instead of one for each change. An unsafe role is told at once."),
    )

    @staticmethod
    def initial_of(tenant: Tenant) -> dict[str, Any]:
        """What the form shows of a tenant."""
        return {
            "name": tenant.name,
            "require_second_factor": tenant.require_second_factor,
            "daily_digest": tenant.daily_digest,
        }


class NotificationAddressForm(forms.Form):
    """An address to be told what concerns the tenant."""

    email = forms.EmailField(
        label=_("Email"),
        max_length=254,
        error_messages={"required": _("Give an address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class TypedNameForm(forms.Form):
    """A name typed again, before something that cannot be undone."""

    typed_name = forms.CharField(
        label=_("Name of the organisation, typed"),
        max_length=200,
        error_messages={"required": _("Type the name of the organisation.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name

    def clean_typed_name(self) -> str:
        """The name.

        Raises:
            ValidationError: it is another one.
        """
        typed: str = self.cleaned_data["typed_name"]
        if " ".join(typed.split()) != self._name:
            raise forms.ValidationError(_("This is not the name of this organisation. It is: %s") % self._name)
        return typed


class TypedAddressForm(forms.Form):
    """One's own address typed again, before one's account is deleted."""

    typed_address = forms.CharField(
        label=_("Your email address, typed"),
        max_length=254,
        error_messages={"required": _("Type your email address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def clean_typed_address(self) -> str:
        """The address.

        Raises:
            ValidationError: it is another one.
        """
        typed: str = self.cleaned_data["typed_address"]
        if typed.lower() != self._email:
            raise forms.ValidationError(_("This is not the address of your account. It is: %s") % self._email)
        return typed


class MailedCodeForm(forms.Form):
    """A code that was mailed to one's own address, before one's account is deleted."""

    code = forms.CharField(
        label=_("The code from our mail"),
        max_length=20,
        error_messages={"required": _("Type the code that we mailed you.")},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}),
    )

    def clean_code(self) -> str:
        """The code as it was made, however it was typed."""
        typed: str = self.cleaned_data["code"]
        return "".join(typed.upper().split()).replace("-", "")


class AuditFilterForm(forms.Form):
    """Which audit events to show."""

    action = forms.ChoiceField(label=_("What"), required=False)
    actor = forms.CharField(label=_("Who (address or name)"), required=False, max_length=254)
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ChoiceField", self.fields["action"])
        field.choices = [("", _("Anything")), *AuditAction.choices]

    def wanted(self) -> Q:
        """What the events must meet; of a form with errors, the fields without one count."""
        given = getattr(self, "cleaned_data", {})
        wanted = Q()
        if action := given.get("action"):
            wanted &= Q(action__in=[f"{source}:{action}" for source in SOURCES])
        if actor := given.get("actor"):
            wanted &= Q(actor_name__has_part=actor)
        if since := given.get("since"):
            wanted &= Q(at__gte=datetime.combine(since, time(), UTC))
        if until := given.get("until"):
            wanted &= Q(at__lt=datetime.combine(until, time.max, UTC))
        return wanted


class TokenForm(forms.Form):
    """A new API token."""

    name = NameField(
        label=_("Name"),
        max_length=ApiToken._meta.get_field("name").max_length,
        help_text=_("What will use it, such as Deployment pipeline."),
        error_messages={"required": _("Give the token a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may be used for"),
        choices=Scope.choices,
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Choose as little as will do. Whatever you choose, it may never do more than you may."),
        error_messages={"required": _("Choose at least one.")},
    )
    days = forms.IntegerField(
        label=_("Ends after (days)"),
        initial=USUAL_DAYS,
        min_value=1,
        max_value=LONGEST_DAYS,
        help_text=_("At most %s. Make a new one before, and revoke this one.") % LONGEST_DAYS,
        error_messages={"required": _("Say after how many days the token ends.")},
    )
