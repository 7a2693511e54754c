"""The findings of a connection, with filters."""

import re

import pytest

from integrations.models import Finding, Verification
from tenants.scope import tenant_scope


@pytest.fixture
def verifications(cast, connection) -> list[Verification]:
    """Two that ended; the newer found one thing of each kind."""
    with tenant_scope(cast.tenant.pk):
        older, newer = (
            Verification.objects.create(tenant=cast.tenant, connection=connection, state="completed", requested_by="x")
            for _ in range(2)
        )
        for verification, kinds in ((older, ["passed"]), (newer, Finding.Outcome.values)):
            for outcome in kinds:
                Finding.objects.create(
                    tenant=cast.tenant,
                    verification=verification,
                    component="log-analysis" if outcome == "denied" else "compute-analysis",
                    check_code="permission",
                    outcome=outcome,
                    who="customer" if outcome in {"denied", "violated"} else "nobody",
                    title=f"{'Old' if verification == older else 'New'} {outcome}",
                    detail="<i>said</i>",
                )
    return [older, newer]


def titles(page: str) -> list[str]:
    return re.findall(r"data-label=\"Check\">\s*(\w+ \w+)", page)


def test_the_latest_verification_comes_first_and_whole(cast, sign_in, url, verifications) -> None:
    page = sign_in(cast.viewer).get(f"{url}findings/").content.decode()

    assert titles(page) == [f"New {outcome}" for outcome in Finding.Outcome.values]
    assert "&lt;i&gt;said" in page


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"outcome": "problems"}, ["New denied", "New violated", "New error", "New throttled"]),
        ({"outcome": "skipped"}, ["New skipped"]),
        ({"who": "customer"}, ["New denied", "New violated"]),
        ({"component": "log-analysis"}, ["New denied"]),
        ({"component": "log-analysis", "outcome": "passed"}, []),
    ],
)
def test_filters_narrow_it(cast, sign_in, url, verifications, filters, found) -> None:
    page = sign_in(cast.viewer).get(f"{url}findings/", filters).content.decode()

    assert titles(page) == found
    assert ("No finding fits this filter" in page) == (not found)


def test_an_older_verification_can_be_chosen(cast, sign_in, url, verifications) -> None:
    page = sign_in(cast.viewer).get(f"{url}findings/", {"verification": verifications[0].pk}).content.decode()

    assert titles(page) == ["Old passed"]


def test_one_of_another_connection_is_unknown_and_nonsense_is_refused(cast, sign_in, url, verifications) -> None:
    client = sign_in(cast.viewer)

    assert client.get(f"{url}findings/", {"verification": cast.tenant.pk}).status_code == 404
    assert client.get(f"{url}findings/", {"verification": "x", "outcome": "good"}).status_code == 422


def test_before_the_first_verification_it_says_so(cast, sign_in, url) -> None:
    assert "Nothing was verified yet" in sign_in(cast.viewer).get(f"{url}findings/").content.decode()
