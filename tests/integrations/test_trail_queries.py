"""The queries that find our sessions in the customer's own CloudTrail."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from integrations.trail_queries import athena_query, cloudtrail_lake_query, queries_for

FROM, UNTIL = datetime(2026, 11, 1, 8, 0, tzinfo=UTC), datetime(2026, 11, 1, 9, 5, tzinfo=UTC)
KEYS = ["ASIAQ3EXAMPLE0000001", "ASIAQ3EXAMPLE0000002"]


@pytest.mark.parametrize("query", [athena_query, cloudtrail_lake_query])
def test_a_query_names_each_session_twice_and_the_time_it_lived(query) -> None:
    text = query(KEYS, FROM, UNTIL)

    named = text.count("'ASIAQ3EXAMPLE0000001', 'ASIAQ3EXAMPLE0000002'")
    assert named + text.count("'ASIAQ3EXAMPLE0000001|ASIAQ3EXAMPLE0000002'") == 2
    assert "2026-11-01" in text
    assert "09:05:00" in text


@pytest.mark.parametrize("query", [athena_query, cloudtrail_lake_query])
def test_nothing_but_an_access_key_id_goes_into_a_query(query) -> None:
    with pytest.raises(ValueError, match="no access key id"):
        query(["ASIA') OR ('1' = '1"], FROM, UNTIL)


def test_a_session_that_was_opened_by_a_clock_behind_ours_is_found_too() -> None:
    receipt = SimpleNamespace(
        access_key_id=KEYS[0],
        role_arn="arn:aws:iam::222233334444:role/theirs",
        opened_at=FROM,
        expires_at=UNTIL,
    )

    queries = queries_for([receipt], vendor_account_id="111111111111")

    assert "BETWEEN '2026-11-01T07:55:00Z'" in queries.athena
    assert "BETWEEN '2026-11-01 07:55:00'" in queries.cloudtrail_lake
