"""The message that a customer forwards to whoever must act."""

import json

import pytest

from integrations.aws.errors import Refused
from integrations.aws.findings import finding as make_finding
from integrations.aws.findings import judge_probe_failure
from integrations.aws.messages import message_to_forward
from integrations.aws.policies import customer_trust_policy
from integrations.aws.report import Actor, Finding, Outcome
from tests.integrations.aws.builders import CUSTOMER, EXTERNAL_ID, ROLE_ARN, make_permission

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
        "\n"
        "The condition to add to the statement that denies it:\n"
        "{\n"
        '  "Condition": {\n'
        '    "ArnNotLike": {\n'
        f'      "aws:PrincipalArn": "{ROLE_ARN}"\n'
        "    }\n"
        "  }\n"
        "}\n"
    )


ALLOW = {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}
BUT_FOR_THE_ROLE = {"Condition": {"ArnNotLike": {"aws:PrincipalArn": ROLE_ARN}}}
BUCKET = "arn:aws:s3:::logs"


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("because no identity-based policy allows the x action", ALLOW),
        ("because no service control policy allows the x action", ALLOW),
        ("with an explicit deny in a resource control policy", BUT_FOR_THE_ROLE),
        ("because no permissions boundary allows the x action", ALLOW),
        ("with an explicit deny in a permissions boundary", BUT_FOR_THE_ROLE),
        ("with an explicit deny in a resource-based policy", BUT_FOR_THE_ROLE),
        (
            "because no resource-based policy allows the x action",
            {**ALLOW, "Principal": {"AWS": ROLE_ARN}, "Resource": BUCKET},
        ),
        ("with an explicit deny in an identity-based policy", None),
        ("", None),
    ],
)
def test_the_statement_that_cures_a_refusal_is_there_to_copy(text, cure):
    refusal = Refused(
        "AccessDenied", f"x is not authorized to perform: ec2:DescribeInstances on resource: {BUCKET} {text}"
    )

    sent = message(
        make_finding("permission", "x", judge_probe_failure(refusal), detail=refusal.text, action=ALLOW["Action"])
    )

    if cure is None:
        assert "{" not in sent
    else:
        assert json.loads(sent[sent.index("{") :]) == cure


def test_the_statement_asks_for_no_more_than_the_catalogue_does():
    denied = Finding(
        "permission", "x", Outcome.DENIED, "missing_permission", Actor.CUSTOMER, "t", action="s3:GetObject"
    )

    sent = message_to_forward(
        denied,
        product_name="N",
        account_id=CUSTOMER,
        role_arn=ROLE_ARN.replace("arn:aws:", "arn:aws-cn:"),
        permission=make_permission(
            action="s3:GetObject",
            resources=("arn:aws:s3:::logs/*",),
            conditions={"StringEquals": {"s3:ResourceAccount": "{account}"}},
        ),
    )

    statement = json.loads(sent[sent.index("{") :])
    assert statement["Resource"] == "arn:aws-cn:s3:::logs/*"
    assert statement["Condition"] == {"StringEquals": {"s3:ResourceAccount": CUSTOMER}}


def test_an_open_trust_policy_comes_with_the_one_to_put_in_its_place():
    trust = customer_trust_policy("arn:aws:iam::111111111111:role/rolebridge/integration", [EXTERNAL_ID])
    opened = Finding("trust.no_external_id", "x", Outcome.VIOLATED, "no_external_id_accepted", Actor.CUSTOMER, "t")

    sent = message_to_forward(opened, product_name="N", account_id=CUSTOMER, role_arn=ROLE_ARN, trust_policy=trust)

    assert json.loads(sent[sent.index("{") :]) == trust


@pytest.mark.parametrize(
    ("outcome", "who"),
    [
        (Outcome.PASSED, Actor.NOBODY),
        (Outcome.ERROR, Actor.VENDOR),
        (Outcome.THROTTLED, Actor.NOBODY),
        (Outcome.SKIPPED, Actor.NOBODY),
        (Outcome.VIOLATED, Actor.VENDOR),
        (Outcome.DENIED, Actor.NOBODY),
    ],
)
def test_nobody_is_written_to_where_nobody_of_the_customers_must_act(outcome, who):
    assert message(Finding("permission", "x", outcome, "cause", who, "title")) == ""
