"""Template tags of the design system."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.timesince import timesince
from django.utils.translation import get_language, gettext, gettext_lazy

from integrations.aws.arns import in_groups
from integrations.catalogue import Permission as ComponentPermission
from integrations.models import Status, StatusChange
from integrations.readers_language import in_readers_language
from integrations.views.checks import Check
from integrations.views.connection_list import Row
from integrations.views.timelines import Bar, Segment, Shape
from tenants.models import Member
from tenants.permissions import Permission

register = template.Library()
register.filter(in_readers_language)


# These, like checks and the parts of a timeline, stand dozens of times on a page, where a partial for each would cost
# more than all the rest of it.
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
def state_word(state: str) -> SafeString:
    """The word for one check's state."""
    return _state_word(state, get_language())


@cache
def _state_word(state: str, _language: str | None) -> SafeString:
    return SafeString(escape(_STATES.get(state, _STATES["skipped"])[1]))


@register.simple_tag
def status_pill(status: str, large: bool = False) -> SafeString:
    """The status of a customer role or a connection, as icon and word."""
    return _status_pill(str(status), large, get_language())


@cache
def _status_pill(status: str, large: bool, _language: str | None) -> SafeString:
    tone, name, words = _STATUSES[status]
    size = " pill--large" if large else ""
    return format_html('<span class="pill{}" data-tone="{}">{} {}</span>', size, tone, icon(name), words)


@register.simple_tag
def connection_rows(rows: Iterable[Row], can_verify: bool) -> SafeString:
    """The connections of the list, each with a box to tick for whoever may verify it."""
    verified, verifying = gettext("verified"), format_html("{} {}", icon("running"), gettext("being verified"))
    return SafeString("".join(_connection_row(row, can_verify, verified, verifying) for row in rows))


def _connection_row(row: Row, can_verify: bool, verified: str, verifying: SafeString) -> SafeString:
    connection, fact = row.connection, ""
    if row.is_being_verified:
        fact = format_html("<span>{}</span>", verifying)
    elif row.verified_at:
        fact = format_html("<span>{} {}</span>", verified, ago(row.verified_at))
    elif row.next_step:
        fact = format_html("<span>{}</span>", row.next_step)
    name = SafeString(escape(connection.name))
    box = '<input type="checkbox" name="connections" value="{}" aria-label="{}">'
    return format_html(
        '<li class="connection-row">{}<div class="connection-row__main"><h2><a href="{}">{}</a></h2>'
        '<p class="connection-row__facts"><span>{}</span> <span>{}</span> {}</p></div><div>{}</div></li>',
        format_html(box, connection.pk, name) if can_verify else "",
        row.address,
        name,
        row.account,
        row.components,
        fact,
        status_pill(row.status),
    )


@register.simple_tag
def check_rows(checks: Iterable[Check], component_id: str, mono: bool | str = False) -> SafeString:
    """The checks of a component as rows of a list."""
    return SafeString("".join(_check_row(check, component_id, " mono" if mono else "") for check in checks))


def _check_row(check: Check, component_id: str, mono: str) -> SafeString:
    says_more = check.finding is not None and check.state != "passed" and check.title != check.name
    return format_html(
        '<li class="check" id="{}-{}" data-state="{}">{} <span class="check__name{}">{}</span> '
        '<span class="check__state">{}</span>{}</li>',
        component_id,
        SafeString(slugify(check.key)),  # which leaves nothing to escape
        check.state,
        state_icon(check.state),
        SafeString(mono),
        breakable(check.name),
        state_word(check.state),
        format_html('<span class="check__more">{}</span>', check.title) if says_more else SafeString(""),
    )


@register.simple_tag
def permission_reasons(permissions: Iterable[ComponentPermission]) -> SafeString:
    """The permissions of a component, each with its reason."""
    sees_data = format_html(" <strong>{}</strong>", gettext("It sees your data."))
    reasons = ((one.action, one.reason, sees_data if one.sees_customer_data else "") for one in permissions)
    return format_html_join("", "<div><dt><code>{}</code></dt><dd>{}{}</dd></div>", reasons)


@register.simple_tag
def change_rows(changes: Iterable[tuple[StatusChange, str, str]]) -> SafeString:
    """Changes of roles' statuses as rows of a list; each with what people call its component, and why it changed."""
    no_role, before = format_html('<span class="small">{}</span>', gettext("No role any more")), gettext("before: {}")
    rows = (
        (
            name,
            status_pill(change.after) if change.after else no_role,
            full_moment(change.at),
            f"{before.format(Status(change.before).label.lower())} · " if change.before and change.after else "",
            why,
        )
        for change, name, why in changes
    )
    row = '<li><span class="role-list__name">{}</span> {} <span class="small muted">{} · {}{}</span></li>'
    return format_html_join("", row, rows)


@register.simple_tag
def timeline_parts(bar: Bar) -> SafeString:
    """The segments of a bar of the timeline, each with its words on hover."""
    return SafeString("".join(map(_timeline_part, bar.segments)))


def _timeline_part(segment: Segment) -> str:
    drawn = timeline_shape(segment.shape, segment.x, segment.width)
    return (
        f'<g class="timeline__part" data-status="{segment.shape.status.value}">'
        f"<title>{escape(segment.words)}</title>{drawn}</g>"
    )


@register.simple_tag
def timeline_shape(shape: Shape, x: float, width: float) -> SafeString:
    """How one status is drawn, in the units of a bar of the timeline."""
    # Numbers alone, as SVG wants them whatever the language, and many on a page: there is nothing to escape.
    across = f'x="{x:g}" width="{width:g}"'
    drawn = f'<rect {across} y="{shape.y}" height="{shape.height}"></rect>'
    if shape.is_struck:
        drawn += f'<rect class="timeline__strike" {across} y="12" height="4"></rect>'
    return SafeString(drawn)


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
    return in_groups(account_id)


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
    # What `date_format` makes of "j F Y H:i:s", without taking the format apart for each of the dozens on a page.
    return _time(moment, f"{moment.day} {MONTHS[moment.month]} {moment:%Y %H:%M:%S} UTC", shown="full")


def _time(moment: datetime, words: str, *, shown: str) -> SafeString:
    # Of numbers and our own words but for the last, so there is nothing else to escape.
    title = f"{moment:%d %B %Y %H:%M:%S} UTC"
    return SafeString(
        f'<time datetime="{moment.isoformat()}" title="{title}" data-time="{shown}">{escape(words)}</time>'
    )


@register.filter
def may(member: Member | None, permission: str) -> bool:
    """Whether a member's role carries a permission, so that a page offers only what it would allow."""
    return member is not None and member.may(Permission(permission))


@register.filter
def breakable(text: str) -> SafeString:
    """Text that may go on in the next line after a colon, as the names of actions must on a phone."""
    return SafeString(escape(text).replace(":", ":<wbr>"))
