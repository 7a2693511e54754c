"""Account ids, role names, paths and ARNs (F12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.aws.arns import (
    PARTITIONS,
    InvalidAccountId,
    InvalidRoleArn,
    InvalidRoleName,
    RoleArn,
    account_of_session_arn,
    parse_role_arn,
    role_arn,
    validate_account_id,
    validate_role_name,
    validate_role_path,
)
from tests.hangs import no_hang


@pytest.mark.parametrize(
    "text", ["123456789012", "1234-5678-9012", " 1234 5678 9012 ", "1234\u20115678\u20119012", "1234\u00a056789012\n"]
)
def test_an_account_id_is_taken_as_the_console_shows_it(text):
    assert validate_account_id(text) == "123456789012"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345678901",
        "1234567890123",
        "12345678901a",
        "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660\u0661\u0662",
    ],
)
def test_what_is_no_account_id_is_refused_with_advice(text):
    with pytest.raises(InvalidAccountId, match=r"12 digits.*AWS console"):
        validate_account_id(text)


def test_the_account_of_zeros_is_refused():
    with pytest.raises(InvalidAccountId, match="not an account"):
        validate_account_id("0000-0000-0000")


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_role_arn_is_read_in_every_partition(partition):
    arn = f"arn:{partition}:iam::123456789012:role/partners/x/rolebridge-c1"

    assert parse_role_arn(arn) == RoleArn(partition, "123456789012", "/partners/x/", "rolebridge-c1")
    assert str(parse_role_arn(arn)) == arn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:user/x",
        "arn:aws:iam::123456789012:role/x ",
        "arn:aws:iam::123456789012:role/x\n",
        "arn:aws:iam::123456789012:role//x",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::123456789012:role/p*/x",
        "arn:aws:iam::123456789012:role/${aws:username}/x",
        "arn:aws:iam::1234-5678-9012:role/x",
        "arn:aws:iam:us-east-1:123456789012:role/x",
        "arn:aws:sts::123456789012:assumed-role/x/y",
        "ARN:aws:iam::123456789012:role/x",
        "arn:AWS:iam::123456789012:role/x",
        "arn:aws:IAM::123456789012:role/x",
        "arn:aws:iam::123456789012:Role/x",
        "arn:aws-iso:iam::123456789012:role/x",
        "arn:aws-moon:iam::123456789012:role/x",
        "arn:aws:iam::123456789012:role/" + "x" * 65,
        "arn:aws:iam::123456789012:role/" + "p/" * 300 + "x",
        "arn:aws:iam::123456789012:role/" + "p" * 2048 + "/x",
    ],
)
def test_f12_tricks_of_case_path_and_partition_are_refused(text):
    with pytest.raises(InvalidRoleArn):
        parse_role_arn(text)


@given(st.text(max_size=80))
def test_f12_an_arn_is_either_refused_or_canonical(text):
    try:
        with no_hang():
            parsed = parse_role_arn("arn:aws:iam::123456789012:role/" + text)
    except InvalidRoleArn:
        return

    assert parse_role_arn(str(parsed)) == parsed
    assert str(parsed) == "arn:aws:iam::123456789012:role/" + text


def test_a_65_character_name_is_refused_with_its_length():
    with pytest.raises(InvalidRoleName, match="at most 64 characters; this one has 65"):
        validate_role_name("x" * 65)


@pytest.mark.parametrize(
    "path", ["", "partners", "/partners", "partners/", "//", "/a b/", "/a//b/", "/a'b/", "/\u00e9/"]
)
def test_a_path_without_its_slashes_is_refused(path):
    with pytest.raises(InvalidRoleName):
        validate_role_path(path)


@pytest.mark.parametrize("path", ["/", "/partners/", "/a/b/c/", "/" + "x" * 510 + "/"])
def test_a_good_path_is_taken(path):
    assert validate_role_path(path) == path


def test_a_role_arn_is_put_together_from_checked_parts():
    assert str(role_arn("aws-cn", "123456789012", "/p/", "n")) == "arn:aws-cn:iam::123456789012:role/p/n"
    for parts in (
        ("moon", "123456789012", "/", "n"),
        ("aws", "1234-5678-9012", "/", "n"),
        ("aws", "123456789012", "", "n"),
    ):
        with pytest.raises(InvalidRoleArn):
            role_arn(*parts)


def test_the_account_of_a_session_is_read_from_its_arn():
    assert account_of_session_arn("arn:aws:sts::123456789012:assumed-role/x/y:z") == "123456789012"
    with pytest.raises(InvalidRoleArn):
        account_of_session_arn("123456789012")
