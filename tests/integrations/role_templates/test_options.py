"""What can be chosen of a role, and what is said of what cannot."""

import pytest

from integrations.role_templates.options import (
    InvalidRoleOption,
    RoleOptions,
    parse_tags,
    validate_options,
    validate_partition_choice,
)
from tests.integrations.aws.builders import CUSTOMER

LONGEST_COMPONENT = "x" * 28


def judged(account_id=CUSTOMER, partition="aws", **choices):
    return validate_options(
        RoleOptions(**choices),
        partition=partition,
        account_id=account_id,
        component_ids=("compute-analysis", LONGEST_COMPONENT),
        reserved_tag_keys=("Product", "Product-role-version"),
    )


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"name_pattern": "{component}{connection}"},
        {"name_pattern": "a" * 26 + "{connection}{component}"},  # 64 with the longest component
        {"path": "/a/b.c,+@=_-/"},
        {"path": "/" + "a" * 510 + "/"},
        {"boundary_arn": f"arn:aws:iam::{CUSTOMER}:policy/teams/boundary"},
        {"boundary_arn": "arn:aws:iam::aws:policy/PowerUserAccess"},
        {"tags": (("Straße", "über 100 % nein".replace(" %", "")), ("k" * 128, "v" * 256))},
        {"tags": tuple((f"k{number}", "") for number in range(48))},
        {"max_session_seconds": 43200},
        {"regions": ("eu-central-1", "us-east-1", "ap-southeast-2")},
        {"self_inspection": True},
    ],
)
def test_what_iam_takes_can_be_chosen(choices) -> None:
    assert judged(**choices) == RoleOptions(**choices)


@pytest.mark.parametrize(
    ("choices", "option", "says"),
    [
        ({"name_pattern": "rolebridge-{component}"}, "name_pattern", "{connection} and {component} once each"),
        ({"name_pattern": "{component}{component}{connection}"}, "name_pattern", "once each"),
        ({"name_pattern": "{connection}-{component}-$(x)"}, "name_pattern", "letters, digits"),
        ({"name_pattern": "a" * 27 + "{connection}{component}"}, "name_pattern", "65 characters; IAM takes 64"),
        ({"path": "partners"}, "path", "begins and ends with a slash"),
        ({"path": "/partners"}, "path", "begins and ends with a slash"),
        ({"path": ""}, "path", "begins and ends with a slash"),
        ({"path": "/a//b/"}, "path", "begins and ends with a slash"),
        ({"path": "/a`b/"}, "path", "letters, digits and the characters"),
        ({"path": "/${x}/"}, "path", "must not hold"),
        ({"path": "/" + "a" * 511 + "/"}, "path", "at most 512 characters; this one has 513"),
        ({"path": "/aws-service-role/x/"}, "path", "AWS keeps the path"),
        (
            {"boundary_arn": f"arn:aws-cn:iam::{CUSTOMER}:policy/b"},
            "boundary_arn",
            "partition 'aws-cn', and your roles are in 'aws'",
        ),
        ({"boundary_arn": "arn:aws:iam::123456789013:policy/b"}, "boundary_arn", "policy of account 123456789013"),
        ({"boundary_arn": "arn:aws:iam::1234:policy/b"}, "boundary_arn", "not the ARN of a managed policy"),
        ({"boundary_arn": f"arn:aws:iam::{CUSTOMER}:role/b"}, "boundary_arn", f"arn:aws:iam::{CUSTOMER}:policy/"),
        ({"boundary_arn": f"arn:aws:iam::{CUSTOMER}:policy/b*"}, "boundary_arn", "not the ARN of a managed policy"),
        ({"boundary_arn": "boundary"}, "boundary_arn", "not the ARN of a managed policy"),
        ({"tags": tuple((f"k{n}", "") for n in range(60))}, "tags", "You gave 60 tags. A role has 50 at the most"),
        ({"tags": (("Team", "a"), ("team", "b"))}, "tags", "given twice"),
        ({"tags": (("product", "theirs"),)}, "tags", "'Product' is ours"),
        ({"tags": (("aws:team", "a"),)}, "tags", "AWS keeps tag keys"),
        ({"tags": (("", "a"),)}, "tags", "1 to 128 characters"),
        ({"tags": (("k", "v" * 257),)}, "tags", "has 257"),
        ({"tags": (("k", "$(id)"),)}, "tags", "IAM takes letters, digits, spaces"),
        ({"tags": (("k", "a\nb"),)}, "tags", r"holds '\n'"),
        ({"max_session_seconds": 3599}, "max_session_seconds", "An hour is enough"),
        ({"max_session_seconds": 43201}, "max_session_seconds", "3600 to 43200 seconds"),
        ({"regions": ("cn-north-1",)}, "regions", "no region of the AWS partition 'aws'"),
        ({"regions": ("eu-central-1", "eu-central-1")}, "regions", "given twice"),
        ({"regions": ("EU",)}, "regions", "such as eu-central-1"),
    ],
)
def test_what_cannot_be_granted_is_refused_with_what_to_do(choices, option, says) -> None:
    with pytest.raises(InvalidRoleOption) as refused:
        judged(**choices)

    assert refused.value.option == option
    assert says in str(refused.value)


def test_a_boundary_is_in_the_partition_of_the_roles() -> None:
    arn = f"arn:aws-us-gov:iam::{CUSTOMER}:policy/b"

    assert judged(partition="aws-us-gov", boundary_arn=arn, regions=("us-gov-west-1",)).boundary_arn == arn


def test_any_account_may_be_in_a_boundary_until_the_account_is_known() -> None:
    assert judged(account_id="", boundary_arn="arn:aws:iam::123456789013:policy/b")


def test_a_partition_that_we_are_not_in_is_refused() -> None:
    assert validate_partition_choice("aws", "aws") == "aws"
    with pytest.raises(InvalidRoleOption, match="AWS lets no role of another partition be assumed"):
        validate_partition_choice("aws-cn", "aws")


def test_tags_are_typed_one_a_line() -> None:
    assert parse_tags("Team=Cloud platform\n\n url = https://x/?a=b \r\nempty=") == (
        ("Team", "Cloud platform"),
        ("url", "https://x/?a=b"),
        ("empty", ""),
    )
    with pytest.raises(InvalidRoleOption, match="Line 2 is no tag"):
        parse_tags("a=b\nnothing")
