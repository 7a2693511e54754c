"""The message that a customer forwards to whoever must act."""

import pytest

from integrations.aws.errors import Refused
from integrations.aws.findings import finding as make_finding
from integrations.aws.findings import judge_probe_failure
from integrations.aws.messages import message_to_forward
from integrations.aws.report import Actor, Finding, Outcome
from tests.integrations.aws.builders import CUSTOMER, ROLE_ARN

DENIED_BY_ORGANISATION = (
    "User: x is not authorized to perform: ec2:DescribeInstances with an explicit deny in a service control policy: "
    "arn:aws:organizations::333333333333:policy/o-abcdefghij/service_control_policy/p-12345678"
)


def message(finding):
    return message_to_forward(finding, product_name="Northwind Insights", account_id=CUSTOMER, role_arn=ROLE_ARN)


def test_the_message_says_who_what_where_and_what_to_do():
    refusal = Refused("UnauthorizedOperation", DENIED_BY_ORGANISATION, "req-1")
    finding = make_finding(
        "permission",
        "compute-analysis",
        judge_probe_failure(refusal),
        detail=refusal.text,
        action="ec2:DescribeInstances",
        region="eu-central-1",
        request_id="req-1",
    )

    assert message(finding) == (
        "To the team that runs the AWS organisation of account 222222222222:\n"
        "\n"
        "Northwind Insights verified its access and found: Your organisation's service control policy blocks this.\n"
        "\n"
        f"Role: {ROLE_ARN}\n"
        "Action: ec2:DescribeInstances\n"
        "Region: eu-central-1\n"
        "AWS request id: req-1\n"
        "\n"
        "What AWS answered:\n"
        f"{DENIED_BY_ORGANISATION}\n"
        "\n"
        "What to do:\n"
        "Ask the team that runs your AWS organisation to allow this action for the role.\n"
    )


@pytest.mark.parametrize(
    ("outcome", "who"),
    [
        (Outcome.PASSED, Actor.NOBODY),
        (Outcome.ERROR, Actor.VENDOR),
        (Outcome.THROTTLED, Actor.NOBODY),
        (Outcome.SKIPPED, Actor.NOBODY),
        (Outcome.VIOLATED, Actor.VENDOR),
    ],
)
def test_nobody_is_written_to_where_nobody_of_the_customers_must_act(outcome, who):
    assert message(Finding("permission", "x", outcome, "cause", who, "title")) == ""
