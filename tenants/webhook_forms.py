"""Forms of webhook endpoints."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.forms import NameField
from tenants.models import WebhookEndpoint
from tenants.webhook_event_types import WebhookEventType


class WebhookEndpointForm(forms.Form):
    """A new endpoint. Whether its address may be called is said by the action."""

    url = forms.CharField(
        label=_("Address"),
        max_length=WebhookEndpoint._meta.get_field("url").max_length,
        help_text=_("Where we send events, beginning with https://. It must be reachable from the internet."),
        error_messages={"required": _("Give the address that we are to call.")},
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
    )
    description = NameField(
        label=_("Description"),
        max_length=WebhookEndpoint._meta.get_field("description").max_length,
        required=False,
        help_text=_("What receives them, for your colleagues. May stay empty."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    event_types = forms.MultipleChoiceField(
        label=_("Events"),
        choices=WebhookEventType.choices,
        error_messages={"required": _("Choose at least one event.")},
        widget=forms.CheckboxSelectMultiple,
    )

    def values(self) -> dict[str, Any]:
        """What the action takes."""
        return self.cleaned_data | {
            "event_types": [WebhookEventType(name) for name in self.cleaned_data["event_types"]]
        }


class WebhookEndpointChangeForm(WebhookEndpointForm):
    """An endpoint that is there."""

    enabled = forms.BooleanField(
        label=_("Send events to this endpoint"),
        required=False,
        help_text=_("While it is switched off nothing is kept for it."),
    )
    field_order = ["enabled", "url", "description", "event_types"]
