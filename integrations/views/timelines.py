"""The last 30 days of a connection's roles as bars: from the history of statuses to what the template draws."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy

from integrations.models import CustomerRole, Status, StatusChange

DAYS = 30
WINDOW = timedelta(days=DAYS)
SHORTEST = timedelta(seconds=1)  # what a bar shows of a role that began this moment
# In the units of the drawing.
WIDTH = 720.0
HEIGHT = 28
# How much of the bar's height is filled, since colour alone must not tell the statuses apart: the less works, the
# lower. What is unsafe works, and is struck through; what is out of use is a thin line.
FILLED = {
    Status.CONNECTED: HEIGHT,
    Status.UNSAFE: HEIGHT,
    Status.DEGRADED: 20,
    Status.UNREACHABLE: 12,
    Status.AWAITING: 6,
}
THIN = 3
NARROWEST = 1.5  # what lasted a minute can still be seen

Cause = StatusChange.Cause
_CAUSES = {
    Cause.VERIFICATION: gettext_lazy("found by a verification"),
    Cause.CHOSEN: gettext_lazy("you chose the component"),
    Cause.DROPPED: gettext_lazy("you left the component out"),
    Cause.ACCOUNT_CHANGED: gettext_lazy("you named another AWS account"),
    Cause.PAUSED: gettext_lazy("you paused it"),
    Cause.RESUMED: gettext_lazy("you resumed it"),
    Cause.REMOVAL: gettext_lazy("you asked for removal"),
    Cause.EMERGENCY_STOP: gettext_lazy("we paused all access"),
    Cause.EMERGENCY_STOP_LIFTED: gettext_lazy("we ended our pause"),
}


def cause_of(change: StatusChange) -> str:
    """Why a status changed, in words for the customer."""
    return str(_CAUSES.get(Cause(change.cause), change.get_cause_display()))


@dataclass(frozen=True)
class Span:
    """A time in which a role had one status."""

    status: Status
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Shape:
    """How a status is drawn, in the bar and beside its name."""

    status: Status

    @property
    def height(self) -> int:
        """How much of the bar's height is filled."""
        return FILLED.get(self.status, THIN)

    @property
    def y(self) -> int:
        """Where what is filled begins, from above."""
        return HEIGHT - self.height

    @property
    def is_struck(self) -> bool:
        """Whether a line goes across it."""
        return self.status == Status.UNSAFE


@dataclass(frozen=True)
class Segment:
    """A span as it is drawn."""

    span: Span
    shape: Shape
    x: float
    width: float

    @property
    def words(self) -> str:
        """What it shows on hover; in the form of dates that every language reads."""
        span = self.span
        begins, ends = span.begins.isoformat(" ", "minutes")[:16], span.ends.isoformat(" ", "minutes")[:16]
        return f"{span.status.label}: {begins} to {ends} UTC"


@dataclass(frozen=True)
class Share:
    """How much of the time in which there was a role it had one status, in percent."""

    shape: Shape
    percent: float


@dataclass(frozen=True)
class Bar:
    """One component's role. `is_chosen` is False where the component was left out meanwhile."""

    component: str
    is_chosen: bool
    segments: tuple[Segment, ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Timeline:
    """The bars of a connection. They begin 30 days ago or, `is_whole`, when the first of their roles began."""

    begins: datetime
    is_whole: bool
    bars: tuple[Bar, ...]


def timeline_of(roles: Iterable[CustomerRole], changes: Sequence[StatusChange], *, now: datetime) -> Timeline:
    """The timeline up to `now`, from the roles as they are and the changes of the last 30 days, in any order.

    A component that was left out keeps its bar if its role was ever more than awaited.
    """
    month_ago = now - WINDOW
    by_component: dict[str, list[StatusChange]] = {role.component: [] for role in roles}
    for change in sorted(changes, key=lambda one: (one.at, one.pk or 0)):
        by_component.setdefault(change.component, []).append(change)
    present = {role.component: (role.status, role.status_since) for role in roles}
    spans = {
        component: _spans(found, present.get(component), month_ago=month_ago, now=now)
        for component, found in sorted(by_component.items())
    }
    shown = {
        component: found
        for component, found in spans.items()
        if found and (component in present or any(span.status != Status.AWAITING for span in found))
    }
    first = min((span.begins for found in shown.values() for span in found), default=month_ago)
    begins = min(first, now - SHORTEST)
    bars = tuple(_bar(component, found, component in present, begins, now) for component, found in shown.items())
    return Timeline(begins=begins, is_whole=first > month_ago, bars=bars)


def _spans(
    changes: Sequence[StatusChange], present: tuple[str, datetime] | None, *, month_ago: datetime, now: datetime
) -> list[Span]:
    # Each point is a moment and the status from then on; an empty status is no role.
    points: list[tuple[datetime, str]] = []
    if changes:
        points = [(month_ago, changes[0].before), *((change.at, change.after) for change in changes)]
    elif present is not None:
        points = [(max(month_ago, present[1]), present[0])]
    ends = [at for at, _ in points[1:]] + [now]
    return [
        Span(Status(status), start, end)
        for (start, status), end in zip(points, ends, strict=True)
        if status and end > start
    ]


def _bar(component: str, spans: Sequence[Span], is_chosen: bool, begins: datetime, now: datetime) -> Bar:
    def x(at: datetime) -> float:
        return WIDTH * (at - begins) / (now - begins)

    segments = []
    lasted: dict[Status, timedelta] = {}
    for span in spans:
        width = max(round(x(span.ends) - x(span.begins), 1), NARROWEST)
        left = round(min(x(span.begins), WIDTH - width), 1)
        segments.append(Segment(span, Shape(span.status), left, width))
        lasted[span.status] = lasted.get(span.status, timedelta()) + (span.ends - span.begins)
    in_all = sum(lasted.values(), timedelta())
    longest_first = sorted(lasted.items(), key=lambda one: one[1], reverse=True)
    shares = tuple(Share(Shape(status), round(100 * lasting / in_all, 1)) for status, lasting in longest_first)
    return Bar(component=component, is_chosen=is_chosen, segments=tuple(segments), shares=shares)
