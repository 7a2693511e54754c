"""The queries that find our sessions in the customer's own CloudTrail."""

from datetime import UTC, datetime

import pytest

from integrations.trail_queries import athena_query, cloudtrail_lake_query

FROM, UNTIL = datetime(2026, 11, 1, 8, 0, tzinfo=UTC), datetime(2026, 11, 1, 9, 5, tzinfo=UTC)
KEYS = ["ASIAQ3EXAMPLE0000001", "ASIAQ3EXAMPLE0000002"]


@pytest.mark.parametrize("query", [athena_query, cloudtrail_lake_query])
def test_a_query_names_each_session_twice_and_the_time_it_lived(query) -> None:
    text = query(KEYS, FROM, UNTIL)

    assert text.count("'ASIAQ3EXAMPLE0000001', 'ASIAQ3EXAMPLE0000002'") == 2
    assert "2026-11-01" in text
    assert "09:05:00" in text


@pytest.mark.parametrize("query", [athena_query, cloudtrail_lake_query])
def test_nothing_but_an_access_key_id_goes_into_a_query(query) -> None:
    with pytest.raises(ValueError, match="no access key id"):
        query(["ASIA') OR ('1' = '1"], FROM, UNTIL)
