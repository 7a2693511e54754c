"""Account ids, role names, paths and role ARNs: strict parsing into one canonical form.

Limits are those of the IAM and STS API references. Nothing here calls AWS.
"""

import re
from dataclasses import dataclass

from integrations.aws.words import InWords, gettext_noop

PARTITIONS = ("aws", "aws-us-gov", "aws-cn", "aws-eusc")
# Regions of the other partitions, by how their names begin (botocore's endpoint rules).
_PARTITION_OF_REGION = {"us-gov-": "aws-us-gov", "cn-": "aws-cn", "eusc-": "aws-eusc", "us-iso": "aws-iso"}

_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_ROLE_PATH = re.compile(r"/|/[\x21-\x2e\x30-\x7e]+(/[\x21-\x2e\x30-\x7e]+)*/")
_ROLE_ARN = re.compile(r"arn:(?P<partition>[a-z-]+):iam::(?P<account>[0-9]{12}):role(?P<path>/.*/|/)(?P<name>[^/]+)")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
_MAX_PATH = 512
_MAX_ARN = 2048
# Wildcards would widen a policy that a path is written into, and `$` begins a policy variable.
_NOT_IN_PATH = frozenset("*?${}\\\"'<>")


class InvalidAccountId(InWords):
    """The text is no AWS account id; the message tells the customer what to do."""


class InvalidRoleArn(ValueError):
    """The text is no role ARN that Rolebridge accepts; the message says why."""


class InvalidRegion(ValueError):
    """The text is no AWS region's name, such as eu-central-1."""


class InvalidRoleName(InWords):
    """The role name or path is not one that IAM accepts; the message says why."""


def in_groups(account_id: str) -> str:
    """An AWS account id in groups of four, as the AWS console shows it."""
    return "-".join(account_id[start : start + 4] for start in range(0, len(account_id), 4))


@dataclass(frozen=True)
class RoleArn:
    """A role's ARN in its parts. `path` begins and ends with a slash."""

    partition: str
    account_id: str
    path: str
    name: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:iam::{self.account_id}:role{self.path}{self.name}"


def validate_account_id(text: str) -> str:
    """The account id in `text` as 12 digits; hyphens and spaces as the AWS console shows them are taken out."""
    digits = re.sub(r"[\s\u2010-\u2015-]", "", text)
    if not re.fullmatch(r"[0-9]{12}", digits):
        raise InvalidAccountId(
            gettext_noop(
                "An AWS account ID has 12 digits, such as 1234-5678-9012. You find yours in the AWS console, "
                "at the top right, under your user name."
            )
        )
    if digits == "000000000000":
        raise InvalidAccountId(
            gettext_noop("000000000000 is not an account. Copy the 12 digits from the AWS console, at the top right.")
        )
    return digits


def validate_partition(partition: str) -> str:
    """`partition`, if Rolebridge knows it; InvalidRoleArn otherwise."""
    if partition not in PARTITIONS:
        raise InvalidRoleArn(f"'{partition}' is not an AWS partition Rolebridge works in ({', '.join(PARTITIONS)}).")
    return partition


def partition_of_region(region: str) -> str:
    """The partition that a region is in; InvalidRegion where `region` is no name of one."""
    if not _REGION.fullmatch(region):
        raise InvalidRegion(f"'{region}' is not a region. It looks like eu-central-1.")
    for beginning, partition in _PARTITION_OF_REGION.items():
        if region.startswith(beginning):
            return partition
    return "aws"


def validate_role_name(name: str) -> str:
    """`name`, if IAM accepts it: 1-64 of letters, digits and _+=,.@-; InvalidRoleName otherwise."""
    if len(name) > 64:
        raise InvalidRoleName(
            gettext_noop("A role name has at most 64 characters; this one has %(length)s."), length=len(name)
        )
    if not _ROLE_NAME.fullmatch(name):
        raise InvalidRoleName(
            gettext_noop("A role name is made of letters, digits and the characters _ + = , . @ - only.")
        )
    return name


def validate_role_path(path: str) -> str:
    """`path`, if IAM accepts it: it begins and ends with a slash, ≤ 512 characters; InvalidRoleName otherwise.

    IAM allows every printable character; Rolebridge refuses those that mean something else in a policy or a template.
    """
    if len(path) > _MAX_PATH:
        raise InvalidRoleName(
            gettext_noop("A role path has at most %(most)s characters; this one has %(length)s."),
            most=_MAX_PATH,
            length=len(path),
        )
    if not _ROLE_PATH.fullmatch(path):
        raise InvalidRoleName(
            gettext_noop("A role path begins and ends with a slash, such as /partners/ (or is just /).")
        )
    if forbidden := sorted(_NOT_IN_PATH & set(path)):
        raise InvalidRoleName(gettext_noop("A role path must not hold %(characters)s."), characters=" ".join(forbidden))
    return path


def parse_role_arn(text: str) -> RoleArn:
    """The role ARN in `text`. Case matters in every part: AWS compares ARNs letter by letter."""
    if len(text) > _MAX_ARN:
        raise InvalidRoleArn(f"A role ARN has at most {_MAX_ARN} characters; this one has {len(text)}.")
    match = _ROLE_ARN.fullmatch(text)
    if match is None:
        raise InvalidRoleArn("This is not a role ARN. It looks like arn:aws:iam::123456789012:role/name.")
    try:
        return RoleArn(
            partition=validate_partition(match["partition"]),
            account_id=validate_account_id(match["account"]),
            path=validate_role_path(match["path"]),
            name=validate_role_name(match["name"]),
        )
    except (InvalidAccountId, InvalidRoleName) as error:
        raise InvalidRoleArn(str(error)) from None


def role_arn(partition: str, account_id: str, path: str, name: str) -> RoleArn:
    """The ARN of a role from its parts, each of them checked; InvalidRoleArn says which is wrong."""
    try:
        validate_partition(partition)
        if validate_account_id(account_id) != account_id:
            raise InvalidRoleArn("The account ID is not in its canonical form of 12 digits.")
        validate_role_path(path)
        validate_role_name(name)
    except (InvalidAccountId, InvalidRoleName) as error:
        raise InvalidRoleArn(str(error)) from None
    return RoleArn(partition, account_id, path, name)


def account_of_session_arn(text: str) -> str:
    """The account id in the ARN that GetCallerIdentity answers, `arn:aws:sts::123456789012:assumed-role/…`."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        raise InvalidRoleArn("This is not an ARN.")
    return validate_account_id(parts[4])
