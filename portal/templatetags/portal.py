"""Template tags of the design system."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext, gettext_lazy

from integrations.views.timelines import Shape
from tenants.models import Member
from tenants.permissions import Permission

register = template.Library()


# These stand dozens of times on a page, where a partial for each would cost more than all the rest of it.
_STATES = {
    "passed": ("check", gettext_lazy("Passed")),
    "denied": ("cross", gettext_lazy("Denied")),
    "violated": ("open-lock", gettext_lazy("Violated")),
    "error": ("warning", gettext_lazy("Error")),
    "throttled": ("slow", gettext_lazy("Throttled")),
    "trying": ("running", gettext_lazy("Trying")),
    "waiting": ("dot", gettext_lazy("Waiting")),
    "not_applicable": ("dash", gettext_lazy("Not applicable")),
    "skipped": ("dash", gettext_lazy("Skipped")),
}
_STATUSES = {
    "connected": ("good", "check", gettext_lazy("Connected")),
    "degraded": ("warn", "warning", gettext_lazy("Degraded")),
    "unreachable": ("bad", "broken", gettext_lazy("Unreachable")),
    "unsafe": ("alarm", "open-lock", gettext_lazy("Unsafe")),
    "paused": ("none", "pause", gettext_lazy("Paused")),
    "removing": ("wait", "running", gettext_lazy("Removing")),
    "removed": ("none", "cross", gettext_lazy("Removed")),
    "awaiting": ("wait", "clock", gettext_lazy("Awaiting")),
}


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """An icon of the sprite. It is decoration: the words beside it carry the meaning."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.simple_tag
def state_icon(state: str) -> SafeString:
    """The icon of one check by its state; the word stands beside it."""
    return icon(_STATES.get(state, _STATES["skipped"])[0])


@register.simple_tag
def state_word(state: str) -> str:
    """The word for one check's state."""
    return str(_STATES.get(state, _STATES["skipped"])[1])


@register.simple_tag
def status_pill(status: str, large: bool = False) -> SafeString:
    """The status of a customer role or a connection, as icon and word."""
    tone, name, words = _STATUSES[status]
    size = " pill--large" if large else ""
    return format_html('<span class="pill{}" data-tone="{}">{} {}</span>', size, tone, icon(name), words)


@register.simple_tag
def timeline_shape(shape: Shape, x: float, width: float) -> SafeString:
    """How one status is drawn, in the units of a bar of the timeline."""
    across = format_html('x="{}" width="{}"', f"{x:g}", f"{width:g}")  # as SVG wants them, whatever the language
    drawn = format_html('<rect {} y="{}" height="{}"></rect>', across, shape.y, shape.height)
    if shape.is_struck:
        drawn += format_html('<rect class="timeline__strike" {} y="12" height="4"></rect>', across)
    return drawn


@dataclass(frozen=True)
class Section:
    """A part of the portal that the navigation leads to."""

    address: str
    name: str
    is_here: bool


# By the name that views give their section, each with its address and the permission it takes.
_SECTIONS = {
    "connections": ("connections", gettext_lazy("Connections"), Permission.VIEW),
    "members": ("members", gettext_lazy("Members"), Permission.VIEW),
    "tokens": ("api_tokens", gettext_lazy("API tokens"), Permission.ADMINISTER),
    "audit": ("audit_events", gettext_lazy("Audit log"), Permission.ADMINISTER),
    "settings": ("tenant_settings", gettext_lazy("Settings"), Permission.ADMINISTER),
}


@register.simple_tag(takes_context=True)
def sections(context: template.Context) -> list[Section]:
    """The sections that whoever asks may see, of the tenant that the page belongs to."""
    request = context["request"]
    tenant, asking = getattr(request, "tenant", None), getattr(request, "member", None)
    found = [
        Section(reverse(view, args=[tenant.pk]), str(name), context.get("section") == section)
        for section, (view, name, permission) in _SECTIONS.items()
        if tenant is not None and (permission == Permission.VIEW or may(asking, permission))
    ]
    if request.user.is_staff:
        found.append(Section(reverse("admin:index"), gettext("Staff"), is_here=False))
    return found


@register.filter
def account(account_id: str) -> str:
    """An AWS account id in groups of four, as the AWS console shows it."""
    return "-".join(account_id[start : start + 4] for start in range(0, len(account_id), 4))


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """How long ago, in words, with the full time on hover and for programs."""
    if moment is None:
        return SafeString("")
    seconds = (timezone.now() - moment).total_seconds()
    words = gettext("just now") if seconds < 60 else gettext("{} ago").format(timesince(moment, depth=1))
    return _time(moment, words, shown="ago")


@register.filter(name="moment")
def full_moment(moment: datetime | None) -> SafeString:
    """The time in UTC, which portal.js turns into the reader's own zone; with the value in UTC on hover."""
    if moment is None:
        return SafeString("")
    return _time(moment, f"{date_format(moment, 'j F Y H:i:s')} UTC", shown="full")


def _time(moment: datetime, words: str, *, shown: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}" data-time="{}">{}</time>',
        moment.isoformat(),
        f"{moment:%d %B %Y %H:%M:%S} UTC",
        shown,
        words,
    )


@register.filter
def may(member: Member | None, permission: str) -> bool:
    """Whether a member's role carries a permission, so that a page offers only what it would allow."""
    return member is not None and member.may(Permission(permission))


@register.filter
def breakable(text: str) -> SafeString:
    """Text that may go on in the next line after a colon, as the names of actions must on a phone."""
    return format_html_join(mark_safe(":<wbr>"), "{}", ((part,) for part in text.split(":")))
