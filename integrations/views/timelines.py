"""The last 30 days of a connection's roles as bars: pure, from the history of statuses to what the template draws."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.models import CustomerRole, Status, StatusChange

DAYS = 30
WINDOW = timedelta(days=DAYS)
# In the units of the drawing.
WIDTH = 720.0
LABEL_NEEDS = 64.0
NARROWEST = 1.5  # what lasted a minute can still be seen


@dataclass(frozen=True)
class Segment:
    """A time in which a role had one status."""

    status: Status
    begins: datetime
    ends: datetime
    x: float
    width: float

    @property
    def has_room(self) -> bool:
        """Whether its name fits into it."""
        return self.width >= LABEL_NEEDS

    @property
    def middle(self) -> float:
        """Where its name stands."""
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class Bar:
    """One component's role. `shares` are the statuses it had, each with how much of the time it existed, in percent."""

    component: str
    segments: tuple[Segment, ...]
    shares: tuple[tuple[Status, float], ...]


@dataclass(frozen=True)
class Mark:
    """A date below the bars."""

    at: datetime
    x: float


@dataclass(frozen=True)
class Timeline:
    """The bars of a connection between two moments."""

    begins: datetime
    ends: datetime
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


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
    return Timeline(
        begins=begins,
        ends=now,
        bars=tuple(bar for bar in bars if bar.segments),
        marks=tuple(
            Mark(at=now - timedelta(days=ago), x=_x(now - timedelta(days=ago), begins)) for ago in (30, 20, 10, 0)
        ),
    )


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
