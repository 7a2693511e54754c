"""The last 30 days of a connection's roles as bars: from the history of statuses to what the template draws."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy

from integrations.models import CustomerRole, Status, StatusChange

DAYS = 30
WINDOW = timedelta(days=DAYS)
# In the units of the drawing.
WIDTH = 720.0
HEIGHT = 28
# How high the dark part is, since colour alone must not tell the statuses apart.
SIGNS = {Status.CONNECTED: 4, Status.DEGRADED: 11, Status.UNREACHABLE: 19, Status.UNSAFE: HEIGHT}
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
class Segment:
    """A time in which a role had one status."""

    status: Status
    begins: datetime
    ends: datetime
    x: float
    width: float

    @property
    def words(self) -> str:
        """What it shows on hover; in the form of dates that every language reads."""
        return f"{self.status.label}: {self.begins:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M} UTC"

    @property
    def sign(self) -> int:
        """How high its dark part is."""
        return SIGNS.get(self.status, 0)

    @property
    def sign_y(self) -> int:
        """Where its dark part begins, from above."""
        return HEIGHT - self.sign


@dataclass(frozen=True)
class Bar:
    """One component's role. `shares` are the statuses it had, each with how much of the time it existed, in percent."""

    component: str
    segments: tuple[Segment, ...]
    shares: tuple[tuple[Status, float], ...]


@dataclass(frozen=True)
class Timeline:
    """The bars of a connection."""

    bars: tuple[Bar, ...]


def timeline_of(roles: Iterable[CustomerRole], changes: Sequence[StatusChange], *, now: datetime) -> Timeline:
    """The timeline up to `now`, from the roles as they are and the changes of the last 30 days, in any order."""
    begins = now - WINDOW
    by_component: dict[str, list[StatusChange]] = {role.component: [] for role in roles}
    for change in sorted(changes, key=lambda one: (one.at, one.pk or 0)):
        by_component.setdefault(change.component, []).append(change)
    present = {role.component: (role.status, role.status_since) for role in roles}
    bars = [
        _bar(component, found, present.get(component), begins=begins, now=now)
        for component, found in sorted(by_component.items())
    ]
    return Timeline(bars=tuple(bar for bar in bars if bar.segments))


def _bar(
    component: str,
    changes: Sequence[StatusChange],
    present: tuple[str, datetime] | None,
    *,
    begins: datetime,
    now: datetime,
) -> Bar:
    # Each point is a moment and the status from then on; an empty status is no role.
    points: list[tuple[datetime, str]] = []
    if changes:
        points = [(begins, changes[0].before), *((change.at, change.after) for change in changes)]
    elif present is not None:
        points = [(max(begins, present[1]), present[0])]
    ends = [at for at, _ in points[1:]] + [now]
    segments = tuple(
        Segment(
            status=Status(status),
            begins=start,
            ends=end,
            x=_x(start, begins),
            width=max(round(_x(end, begins) - _x(start, begins), 1), NARROWEST),
        )
        for (start, status), end in zip(points, ends, strict=True)
        if status and end > start
    )
    lasted = sum((segment.ends - segment.begins for segment in segments), timedelta())
    shares: dict[Status, timedelta] = {}
    for segment in segments:
        shares[segment.status] = shares.get(segment.status, timedelta()) + (segment.ends - segment.begins)
    return Bar(
        component=component,
        segments=segments,
        shares=tuple((status, round(100 * share / lasted, 1)) for status, share in _longest_first(shares)),
    )


def _x(at: datetime, begins: datetime) -> float:
    return round(WIDTH * (at - begins) / WINDOW, 1)


def _longest_first(shares: dict[Status, timedelta]) -> list[tuple[Status, timedelta]]:
    return sorted(shares.items(), key=lambda share: share[1], reverse=True)
