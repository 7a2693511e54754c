"""Which calls the alert takes for unanswered: what botocore raises when nothing answers, and no code of AWS's."""

import re

import pytest
from botocore import exceptions
from botocore.session import Session

from integrations.aws import errors
from tests.sandbox_server import ROOT

RULES = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
NO_ANSWER = re.compile(re.findall(r'rolebridge_sts_calls_total\{code=~"([^"]+NoAnswer)"\}', RULES)[0])
UNANSWERED = sorted(
    name
    for name, error in vars(exceptions).items()
    if isinstance(error, type) and issubclass(error, exceptions.HTTPClientError | exceptions.ConnectionError)
)
ERRORS_OF_STS = [shape.metadata.get("error", {}) for shape in Session().get_service_model("sts").error_shapes]
CODES_OF_AWS = sorted({error["code"] for error in ERRORS_OF_STS if error} | set(errors._TYPE_OF_CODE))


@pytest.mark.parametrize("name", [*UNANSWERED, "NoAnswer"])
def test_what_was_not_answered_is_taken(name) -> None:
    assert NO_ANSWER.fullmatch(name)


@pytest.mark.parametrize("code", CODES_OF_AWS)
def test_what_aws_answers_is_not(code) -> None:
    assert not NO_ANSWER.fullmatch(code)


def test_some_of_both_end_alike() -> None:
    assert {"ReadTimeoutError", "SSLError"} <= set(UNANSWERED)
    assert {"ValidationError", "InternalError", "IDPCommunicationError"} <= set(CODES_OF_AWS)
