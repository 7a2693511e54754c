"""Condition blocks: operators, `...IfExists`, `ForAllValues:`/`ForAnyValue:` and `Null`.

Source: IAM user guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued keys".
"""

import base64
import binascii
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.policy.patterns import ArnPattern, Context, Pattern

Compare = Callable[[str, Any, Context], bool]


@dataclass(frozen=True, slots=True)
class Operator:
    """How one operator compares: `prepare` reads the policy's value once, `compare` takes (request value, it)."""

    name: str
    negated: bool
    prepare: Callable[[str, bool], Any]
    compare: Compare


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator with one key and the values that the policy lists."""

    operator: Operator
    key: str
    values: tuple[Any, ...]
    quantifier: str | None
    if_exists: bool

    def holds(self, context: Context) -> bool:
        """Tell whether the condition is true for the request."""
        given = context.get(self.key)
        if self.operator.name == "null":
            absent = "false" if given else "true"
            return any(self.operator.compare(absent, value, context) for value in self.values)
        if not given:
            return self._when_absent()
        if self.quantifier == "foranyvalue":
            return any(self._fits(value, context) for value in given)
        if self.quantifier == "forallvalues":
            return all(self._fits(value, context) for value in given)
        if self.operator.negated:
            return all(self._fits(value, context) for value in given)
        return any(self._fits(value, context) for value in given)

    def _when_absent(self) -> bool:
        if self.quantifier == "forallvalues":
            return True
        if self.quantifier == "foranyvalue":
            return False
        return self.if_exists or self.operator.negated

    def _fits(self, given: str, context: Context) -> bool:
        matched = any(self.operator.compare(given, value, context) for value in self.values)
        return matched != self.operator.negated


def _pattern(text: str, variables: bool) -> Pattern:
    return Pattern(text, variables=variables)


def _arn_pattern(text: str, variables: bool) -> ArnPattern:
    return ArnPattern(text, variables=variables)


def _equals(given: str, wanted: Pattern, context: Context) -> bool:
    return given == wanted.literal(context)


def _equals_ignoring_case(given: str, wanted: Pattern, context: Context) -> bool:
    literal = wanted.literal(context)
    return literal is not None and given.lower() == literal.lower()


def _like(given: str, wanted: Pattern, context: Context) -> bool:
    return wanted.matches(given, context)


def _arn_like(given: str, wanted: ArnPattern, context: Context) -> bool:
    return wanted.matches(given, context)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _moment(text: str | None) -> float | None:
    """Read an ISO 8601 date or epoch seconds; dates without a zone are UTC."""
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ordered(read: Callable[[str | None], float | None], test: Callable[[float, float], bool]) -> Compare:
    def compare(given: str, wanted: Pattern, context: Context) -> bool:
        left, right = read(given), read(wanted.literal(context))
        return left is not None and right is not None and test(left, right)

    return compare


def _boolean(given: str, wanted: Pattern, context: Context) -> bool:
    literal = wanted.literal(context)
    return literal is not None and given.lower() == literal.lower()


def _binary(given: str, wanted: Pattern, context: Context) -> bool:
    try:
        return base64.b64decode(given) == base64.b64decode(wanted.literal(context) or "", validate=True)
    except (binascii.Error, ValueError):
        return False


def _address(given: str, wanted: Pattern, context: Context) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted.literal(context) or "", strict=False)
    except ValueError:
        return False


def _operators() -> dict[str, Operator]:
    found: dict[str, Operator] = {}

    def add(name: str, compare: Compare, *, negation: str | None = None, arn: bool = False) -> None:
        prepare = _arn_pattern if arn else _pattern
        found[name.lower()] = Operator(name.lower(), False, prepare, compare)
        if negation:
            found[negation.lower()] = Operator(negation.lower(), True, prepare, compare)

    add("StringEquals", _equals, negation="StringNotEquals")
    add("StringEqualsIgnoreCase", _equals_ignoring_case, negation="StringNotEqualsIgnoreCase")
    add("StringLike", _like, negation="StringNotLike")
    add("ArnEquals", _arn_like, negation="ArnNotEquals", arn=True)
    add("ArnLike", _arn_like, negation="ArnNotLike", arn=True)
    add("Bool", _boolean)
    add("Null", _boolean)
    add("BinaryEquals", _binary)
    add("IpAddress", _address, negation="NotIpAddress")
    for family, read in (("Numeric", _number), ("Date", _moment)):
        add(f"{family}Equals", _ordered(read, lambda a, b: a == b), negation=f"{family}NotEquals")
        add(f"{family}LessThan", _ordered(read, lambda a, b: a < b))
        add(f"{family}LessThanEquals", _ordered(read, lambda a, b: a <= b))
        add(f"{family}GreaterThan", _ordered(read, lambda a, b: a > b))
        add(f"{family}GreaterThanEquals", _ordered(read, lambda a, b: a >= b))
    return found


OPERATORS = _operators()


def read_operator(text: str) -> tuple[Operator, str | None, bool]:
    """Split an operator as written into (operator, quantifier or None, whether `IfExists`).

    Raises ValueError for a name that IAM does not know.
    """
    quantifier: str | None = None
    name = text
    if ":" in text:
        quantifier, name = text.split(":", 1)
        quantifier = quantifier.lower()
        if quantifier not in {"forallvalues", "foranyvalue"}:
            raise ValueError(text)
    name = name.lower()
    if_exists = name.endswith("ifexists")
    if if_exists:
        name = name[: -len("ifexists")]
    operator = OPERATORS.get(name)
    if operator is None or (if_exists and name == "null"):
        raise ValueError(text)
    return operator, quantifier, if_exists
