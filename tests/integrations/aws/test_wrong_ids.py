"""The wrong external IDs: near the right one, valid, and never it."""

import re

import pytest

from integrations.aws.checks.wrong_ids import wrong_external_ids
from integrations.aws.policies import validate_external_id
from tests.integrations.aws.builders import EXTERNAL_ID

OUR_ID = "rb-k7q2mzx4ahw5tnc3vyd6pjb2eufr7sgl"


@pytest.mark.parametrize("external_id", [OUR_ID, EXTERNAL_ID, "ab", "A9", "rb-", "=" * 12, "x:/.@+-_=", "a" * 256])
def test_a_wrong_id_is_valid_and_never_the_right_one(external_id):
    for _ in range(100):
        wrong = wrong_external_ids(external_id)

        assert external_id not in wrong.values()
        assert all(validate_external_id(other) for other in wrong.values())
        assert len(wrong) >= 4


def test_each_is_wrong_in_its_own_way():
    wrong = wrong_external_ids(OUR_ID)

    assert re.fullmatch("rb-[a-z2-7]{32}", wrong["an ID chosen at random"])
    assert wrong["an ID that ends differently"][:-1] == OUR_ID[:-1]
    assert wrong["an ID that begins differently"][:3] == "rb-"
    assert wrong["an ID that begins differently"][4:] == OUR_ID[4:]
    assert sum(a != b for a, b in zip(wrong["an ID that differs in the middle"], OUR_ID, strict=True)) == 1
    assert wrong["your ID in another case"].lower() == OUR_ID
    assert wrong["your ID with something after it"][:-1] == OUR_ID
