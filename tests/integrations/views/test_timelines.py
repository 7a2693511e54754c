"""The last 30 days of roles as bars."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from integrations.models import CustomerRole, Status, StatusChange
from integrations.views.timelines import WIDTH, Shape, timeline_of
from tenants.scope import tenant_scope

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def role(status: str = "connected", since: float = 100, component: str = "log-analysis") -> CustomerRole:
    return CustomerRole(component=component, status=status, status_since=days_ago(since))


def change(days: float, before: str, after: str, component: str = "log-analysis") -> StatusChange:
    return StatusChange(component=component, at=days_ago(days), before=before, after=after, cause="verification")


def drawn(roles, changes) -> list[tuple[str, float, float]]:
    """The segments of the first bar: status, where it begins, how wide it is."""
    bar = timeline_of(roles, changes, now=NOW).bars[0]
    return [(str(one.span.status), one.x, one.width) for one in bar.segments]


def test_a_role_that_never_changed_fills_the_bar() -> None:
    assert drawn([role()], []) == [("connected", 0.0, WIDTH)]


def test_the_bars_begin_with_the_first_role_where_that_is_younger_than_a_month() -> None:
    changes = [change(2, "", "awaiting"), change(1, "awaiting", "connected")]

    timeline = timeline_of([role(since=1), role(since=1, component="storage-analysis")], changes, now=NOW)

    assert timeline.begins == days_ago(2)
    assert timeline.is_whole
    assert [[(one.x, one.width) for one in bar.segments] for bar in timeline.bars] == [
        [(0.0, WIDTH / 2), (WIDTH / 2, WIDTH / 2)],
        [(WIDTH / 2, WIDTH / 2)],
    ]


def test_a_role_that_began_this_moment_has_a_bar() -> None:
    a_tick = 0.01 / 86400

    assert drawn([role("awaiting", since=a_tick)], [])[0][2] > 0


def test_what_lies_at_the_very_end_stays_within_the_bar() -> None:
    ((_, _, _), (_, x, width)) = drawn([role(since=0.0001)], [change(0.0001, "awaiting", "connected")])

    assert x + width == WIDTH


def test_each_change_begins_a_part_and_the_first_says_what_was_before() -> None:
    changes = [change(10, "degraded", "connected"), change(20, "connected", "degraded")]  # in whatever order they come

    assert drawn([role()], changes) == [
        ("connected", 0.0, WIDTH / 3),
        ("degraded", WIDTH / 3, WIDTH / 3),
        ("connected", 2 * WIDTH / 3, WIDTH / 3),
    ]


def test_where_there_was_no_role_the_bar_is_empty() -> None:
    changes = [change(20, "connected", ""), change(10, "", "awaiting")]

    assert drawn([role("awaiting", since=10)], changes) == [
        ("connected", 0.0, WIDTH / 3),
        ("awaiting", 2 * WIDTH / 3, WIDTH / 3),
    ]


def test_what_lasted_a_minute_can_still_be_seen() -> None:
    minute = 1 / 1440

    assert drawn([role()], [change(5, "connected", "unsafe"), change(5 - minute, "unsafe", "connected")])[1][2] > 1


def test_the_shares_are_of_the_time_in_which_there_was_a_role() -> None:
    (bar,) = timeline_of(
        [role("awaiting", since=10)], [change(20, "connected", ""), change(10, "", "awaiting")], now=NOW
    ).bars

    shares = [(str(share.shape.status), round(share.percent)) for share in bar.shares]
    assert shares == [("connected", 50), ("awaiting", 50)]


def test_a_component_that_was_left_out_keeps_its_bar_if_it_was_ever_in_use() -> None:
    changes = [
        change(20, "connected", "", "storage-analysis"),
        change(3, "", "awaiting", "compute-analysis"),
        change(2, "awaiting", "", "compute-analysis"),
    ]

    timeline = timeline_of([role()], changes, now=NOW)

    assert [(bar.component, bar.is_chosen) for bar in timeline.bars] == [
        ("log-analysis", True),
        ("storage-analysis", False),
    ]


def test_the_worse_a_status_the_less_is_filled_and_what_is_unsafe_is_struck_through() -> None:
    worse = [Shape(Status(one)).height for one in ("connected", "degraded", "unreachable", "awaiting", "paused")]

    assert worse == sorted(set(worse), reverse=True)
    assert [status for status in Status if Shape(status).is_struck] == ["unsafe"]


@pytest.mark.parametrize("status", ["unsafe", "unreachable", "degraded"])
def test_the_page_shows_bars_in_words_too(cast, sign_in, connection, url, broker, status) -> None:
    from integrations.actions.verifications import request_verification
    from tenants.audit import SYSTEM

    with tenant_scope(cast.tenant.pk):
        verification = request_verification(connection=connection, by=SYSTEM)
        verification.state = "completed"
        verification.save()
        StatusChange.objects.all().delete()
        now = timezone.now()
        connection.roles.update(status=status, status_since=now - timedelta(days=3), worked_at=now)
        StatusChange.objects.create(
            tenant=cast.tenant, connection=connection, component="log-analysis", at=now - timedelta(days=15),
            before="connected", after=status, cause="verification",
        )  # fmt: skip

    page = sign_in(cast.viewer).get(url).content.decode()

    assert f'data-status="{status}"' in page
    words = re.sub(r"\s+", " ", strip_tags(page))
    assert f"Connected 50 % {status.title()} 50 %" in words or f"{status.title()} 50 % Connected 50 %" in words
    assert "Each change, as a list" in page
    assert "style=" not in page
