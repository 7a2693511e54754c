"""How values look on the pages for staff: the theme's coloured labels, and times that fit a column."""

from datetime import datetime

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.models import ExternalIdRotation, Finding, Status, Verification

_COLOURS: dict[str, str] = {
    Status.CONNECTED: "success",
    Status.AWAITING: "info",
    Status.DEGRADED: "warning",
    Status.UNREACHABLE: "danger",
    Status.UNSAFE: "danger",
    Status.PAUSED: "",
    Status.REMOVING: "warning",
    Status.REMOVED: "",
    Verification.State.COMPLETED: "success",
    Verification.State.FAILED: "danger",
    ExternalIdRotation.State.CLOSING: "warning",
    ExternalIdRotation.State.FINISHED: "success",
    ExternalIdRotation.State.CANCELLED: "",
    Finding.Outcome.PASSED: "success",
    Finding.Outcome.DENIED: "warning",
    Finding.Outcome.VIOLATED: "danger",
    Finding.Outcome.ERROR: "danger",
}


def label(value: Status | Verification.State | Finding.Outcome | ExternalIdRotation.State) -> SafeString:
    """The value's name on its colour."""
    return coloured(str(value.label), _COLOURS.get(value, "info"))


def coloured(text: str, colour: str) -> SafeString:
    """A text on one of the theme's colours: success, info, warning, danger, or grey for none of them."""
    return SafeString(render_to_string("unfold/helpers/label.html", {"text": text, "type": colour}).strip())


def moment(at: datetime | None) -> SafeString | str:
    """A time in UTC, on one line."""
    return format_html('<span class="whitespace-nowrap">{}</span>', f"{at:%Y-%m-%d %H:%M}") if at else "-"


def link(page: str, key: object, text: str) -> SafeString:
    """A link to a page of admin by its name, such as `integrations_connection_change`."""
    css = "text-primary-600 dark:text-primary-500 underline"
    return format_html('<a class="{}" href="{}">{}</a>', css, reverse(f"admin:{page}", args=[key]), text)


def lines(*texts: str) -> SafeString:
    """Texts below each other; empty ones are left out."""
    return format_html_join("", '<div class="break-words">{}</div>', ((text,) for text in texts if text))
