"""Models and engine say the same words: a code that one of them lacks would be refused by the database."""

import pytest

from integrations.aws import report
from integrations.models import Finding, Session


@pytest.mark.parametrize(
    ("choices", "enum"),
    [
        (Finding.Outcome, report.Outcome),
        (Finding.Who, report.Actor),
        (Session.Purpose, report.SessionPurpose),
    ],
)
def test_the_model_knows_every_word_of_the_engine(choices, enum) -> None:
    assert set(choices.values) == {member.value for member in enum}
