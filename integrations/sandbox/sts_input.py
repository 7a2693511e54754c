"""Reading and checking the parameters of STS calls, with AWS's limits and texts.

Source: AWS STS API reference, AssumeRole, and the limits of "IAM and AWS STS quotas".
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from integrations.sandbox.arns import Arn, parse_arn
from integrations.sandbox.errors import AwsError
from integrations.sandbox.identities import Tags

LONGEST_CHAINED = 3600
_PACKED_BUDGET = 1500
"""Compressed bytes that count as 100 %. AWS does not publish its packing; this is a judgement on the safe side."""

_NAME = re.compile(r"^[\w+=,.@-]*$")
_EXTERNAL_ID = re.compile(r"^[\w+=,.@:\/-]*$")
_TAG = re.compile(r"^[\w\s.:/=+\-@]*$")
_ROLE_ARN = re.compile(r"^[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uFFFF]+$")


@dataclass(frozen=True)
class AssumeRoleInput:
    """The parameters of AssumeRole."""

    role_arn: str
    role: Arn
    session_name: str
    duration: int
    external_id: str | None
    source_identity: str | None
    tags: Tags
    transitive: frozenset[str]
    inline_policy: str | None
    managed_policies: tuple[str, ...]


def invalid(message: str) -> AwsError:
    """A ValidationError."""
    return AwsError("ValidationError", message, 400)


def read_assume_role(form: Mapping[str, str]) -> AssumeRoleInput:
    """Read AssumeRole's parameters. Raises AwsError."""
    for name in ("RoleArn", "RoleSessionName"):
        if name not in form:
            member = name[0].lower() + name[1:]
            raise invalid(
                f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
                "Member must not be null"
            )
    role_arn = form["RoleArn"]
    _length(role_arn, "roleArn", 20, 2048)
    _pattern(role_arn, "roleArn", _ROLE_ARN, r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD]+")
    parsed = parse_arn(role_arn)
    if parsed is None:
        raise invalid(f"{role_arn} is invalid")
    if parsed.service != "iam" or not re.fullmatch(r"\d{12}", parsed.account) or parsed.region:
        raise invalid("Request ARN is invalid")
    if not re.fullmatch(r"role/.+", parsed.resource):
        raise invalid("Request ARN is invalid")
    session_name = form["RoleSessionName"]
    _length(session_name, "roleSessionName", 2, 64)
    _pattern(session_name, "roleSessionName", _NAME, r"[\w+=,.@-]*")
    external_id = form.get("ExternalId")
    if external_id is not None:
        _length(external_id, "externalId", 2, 1224)
        _pattern(external_id, "externalId", _EXTERNAL_ID, r"[\w+=,.@:\/-]*")
    source_identity = form.get("SourceIdentity")
    if source_identity is not None:
        _length(source_identity, "sourceIdentity", 2, 64)
        _pattern(source_identity, "sourceIdentity", _NAME, r"[\w+=,.@-]*")
        if source_identity.lower().startswith("aws:"):
            raise invalid("SourceIdentity must not start with aws:")
    tags, transitive = _tags(form)
    return AssumeRoleInput(
        role_arn=role_arn,
        role=parsed,
        session_name=session_name,
        duration=read_duration(form, 3600, 43200),
        external_id=external_id,
        source_identity=source_identity,
        tags=tags,
        transitive=transitive,
        inline_policy=_inline_policy(form),
        managed_policies=_managed_policies(form),
    )


def read_duration(form: Mapping[str, str], default: int, largest: int) -> int:
    """Read DurationSeconds, 900 to `largest`."""
    text = form.get("DurationSeconds")
    if text is None:
        return default
    try:
        duration = int(text)
    except ValueError as error:
        raise AwsError("MalformedInput", "DurationSeconds is not a number", 400) from error
    for bad, relation, limit in ((duration < 900, "greater", 900), (duration > largest, "less", largest)):
        if bad:
            raise invalid(
                f"1 validation error detected: Value '{duration}' at 'durationSeconds' failed to satisfy constraint: "
                f"Member must have value {relation} than or equal to {limit}"
            )
    return duration


def packed_size(item: AssumeRoleInput, tags: Tags) -> int | None:
    """Give PackedPolicySize in per cent, None when neither policies nor tags are passed.

    Raises AwsError `PackedPolicyTooLarge` above 100.
    """
    if item.inline_policy is None and not item.managed_policies and not tags:
        return None
    packed = zlib.compress(
        json.dumps([item.inline_policy, item.managed_policies, sorted(tags.values())], separators=(",", ":")).encode(),
        9,
    )
    percent = max(1, -(-len(packed) * 100 // _PACKED_BUDGET))
    if percent > 100:
        raise AwsError(
            "PackedPolicyTooLarge",
            f"Packed size of session policy and session tags consumes {percent}% of allotted space.",
            400,
        )
    return percent


def _length(value: str, member: str, shortest: int, longest: int) -> None:
    for bad, relation, limit in ((len(value) < shortest, "greater", shortest), (len(value) > longest, "less", longest)):
        if bad:
            raise invalid(
                f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
                f"Member must have length {relation} than or equal to {limit}"
            )


def _pattern(value: str, member: str, expression: re.Pattern[str], shown: str) -> None:
    if not expression.match(value):
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {shown}"
        )


def _members(form: Mapping[str, str], prefix: str) -> list[str]:
    """Give the sorted `prefix.member.N` stems that the form holds."""
    numbers = {
        int(found.group(1))
        for name in form
        if (found := re.match(re.escape(prefix) + r"\.member\.(\d{1,6})(?:\.|$)", name))
    }
    return [f"{prefix}.member.{number}" for number in sorted(numbers)]


def _tags(form: Mapping[str, str]) -> tuple[Tags, frozenset[str]]:
    tags: Tags = {}
    for stem in _members(form, "Tags"):
        key, value = form.get(f"{stem}.Key", ""), form.get(f"{stem}.Value", "")
        _length(key, "tags.1.member.key", 1, 128)
        _length(value, "tags.1.member.value", 0, 256)
        for text, member in ((key, "key"), (value, "value")):
            _pattern(text, f"tags.1.member.{member}", _TAG, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+")
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys starting with 'aws:' are reserved for internal use")
        if key.lower() in tags:
            raise AwsError(
                "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        tags[key.lower()] = (key, value)
    if len(tags) > 50:
        raise invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: at most 50 members")
    transitive = frozenset(form[stem].lower() for stem in _members(form, "TransitiveTagKeys") if stem in form)
    if not transitive <= set(tags):
        raise AwsError(
            "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."
        )
    return tags, transitive


def _inline_policy(form: Mapping[str, str]) -> str | None:
    text = form.get("Policy")
    if text is None:
        return None
    _length(text, "policy", 1, 2048)
    return text


def _managed_policies(form: Mapping[str, str]) -> tuple[str, ...]:
    arns = tuple(form.get(f"{stem}.arn", "") for stem in _members(form, "PolicyArns"))
    if len(arns) > 10:
        raise invalid("The number of managed session policies exceeds the limit of 10.")
    return arns
