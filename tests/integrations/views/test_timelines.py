"""The last 30 days of roles as bars."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from integrations.models import CustomerRole, StatusChange
from integrations.views.timelines import WIDTH, timeline_of
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
    return [(str(one.status), one.x, one.width) for one in bar.segments]


def test_a_role_that_never_changed_fills_the_bar() -> None:
    assert drawn([role()], []) == [("connected", 0.0, WIDTH)]


def test_a_young_role_begins_where_it_began() -> None:
    assert drawn([role("awaiting", since=15)], []) == [("awaiting", WIDTH / 2, WIDTH / 2)]


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

    assert [(str(status), round(share)) for status, share in bar.shares] == [("connected", 50), ("awaiting", 50)]


def test_a_component_that_is_gone_keeps_its_bar_and_one_that_never_was_has_none() -> None:
    timeline = timeline_of([role()], [change(20, "connected", "", "storage-analysis")], now=NOW)

    assert [bar.component for bar in timeline.bars] == ["log-analysis", "storage-analysis"]


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
    assert f"Connected 50 %, {status.title()} 50 %" in page or f"{status.title()} 50 %, Connected 50 %" in page
    assert "Each change, as a list" in page
    assert "style=" not in page
