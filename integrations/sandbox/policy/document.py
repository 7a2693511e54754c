"""Reading policy documents into statements that can be matched quickly."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from integrations.sandbox.policy.conditions import Condition, read_operator
from integrations.sandbox.policy.patterns import ArnPattern, Context, action_matcher
from integrations.sandbox.policy.principals import Grant, Principal, Principals, grant_of, is_spared


class PolicySyntaxError(ValueError):
    """The document is not a policy."""


class PolicyKind(StrEnum):
    """The kinds of policy, in the words that AWS's refusals use."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    SERVICE_CONTROL = "service control policy"
    RESOURCE_CONTROL = "resource control policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; a part that the document does not have is None."""

    index: int
    sid: str | None
    allows: bool
    action: Callable[[str], bool] | None
    not_action: Callable[[str], bool] | None
    resources: tuple[ArnPattern, ...] | None
    not_resources: tuple[ArnPattern, ...] | None
    principals: Principals | None
    not_principals: Principals | None
    conditions: tuple[Condition, ...]

    def covers(self, action: str, resource: str, context: Context) -> bool:
        """Tell whether the statement speaks of this action (in lower case) on this resource in this context."""
        if self.action is not None and not self.action(action):
            return False
        if self.not_action is not None and self.not_action(action):
            return False
        if self.resources is not None and not any(item.matches(resource, context) for item in self.resources):
            return False
        if self.not_resources is not None and any(item.matches(resource, context) for item in self.not_resources):
            return False
        return all(condition.holds(context) for condition in self.conditions)

    def grant(self, caller: Principal) -> Grant:
        """Tell how directly the statement names the caller; a statement with no principal names everyone."""
        if self.principals is not None:
            return grant_of(self.principals, caller)
        if self.not_principals is not None:
            return Grant.NONE if is_spared(self.not_principals, caller) else Grant.ENTITY
        return Grant.ENTITY


@dataclass(frozen=True, slots=True)
class Policy:
    """A document with its kind and, where it has one, the ARN that a refusal may show."""

    kind: PolicyKind
    statements: tuple[Statement, ...]
    name: str = ""
    arn: str | None = None


@lru_cache(maxsize=16384)
def parse_statements(text: str) -> tuple[Statement, ...]:
    """Read a document's statements. Raises PolicySyntaxError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicySyntaxError("This policy contains invalid Json") from error
    if not isinstance(document, dict):
        raise PolicySyntaxError("Syntax errors in policy.")
    variables = document.get("Version") == "2012-10-17"
    return tuple(
        _statement(index, entry, variables=variables) for index, entry in enumerate(_listed(document.get("Statement")))
    )


def parse_policy(kind: PolicyKind, text: str, *, name: str = "", arn: str | None = None) -> Policy:
    """Read a document as a policy of `kind`. Raises PolicySyntaxError."""
    return Policy(kind, parse_statements(text), name=name, arn=arn)


def readable_policy(kind: PolicyKind, text: str, *, name: str = "", arn: str | None = None) -> Policy | None:
    """Read a document as a policy of `kind`; None for one that cannot be read."""
    try:
        return parse_policy(kind, text, name=name, arn=arn)
    except PolicySyntaxError:
        return None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> tuple[str, ...]:
    out = []
    for item in _listed(value):
        if isinstance(item, bool):
            out.append("true" if item else "false")
        elif isinstance(item, str | int | float):
            out.append(str(item))
        else:
            raise PolicySyntaxError("Syntax errors in policy.")
    return tuple(out)


def _statement(index: int, entry: Any, *, variables: bool) -> Statement:
    if not isinstance(entry, dict) or entry.get("Effect") not in ["Allow", "Deny"]:
        raise PolicySyntaxError("Syntax errors in policy.")

    def actions(name: str) -> Callable[[str], bool] | None:
        return action_matcher(_texts(entry[name])) if name in entry else None

    def arns(name: str) -> tuple[ArnPattern, ...] | None:
        if name not in entry:
            return None
        return tuple(ArnPattern(text, variables=variables) for text in _texts(entry[name]))

    return Statement(
        index=index,
        sid=entry.get("Sid"),
        allows=entry["Effect"] == "Allow",
        action=actions("Action"),
        not_action=actions("NotAction"),
        resources=arns("Resource"),
        not_resources=arns("NotResource"),
        principals=_principals(entry.get("Principal")),
        not_principals=_principals(entry.get("NotPrincipal")),
        conditions=_conditions(entry.get("Condition"), variables=variables),
    )


def _principals(value: Any) -> Principals | None:
    if value is None:
        return None
    if value == "*":
        return {"AWS": ("*",)}
    if not isinstance(value, dict):
        raise PolicySyntaxError("Syntax errors in policy.")
    return {kind: _texts(names) for kind, names in value.items()}


def _conditions(block: Any, *, variables: bool) -> tuple[Condition, ...]:
    if block is None:
        return ()
    if not isinstance(block, dict):
        raise PolicySyntaxError("Syntax errors in policy.")
    found = []
    for text, keys in block.items():
        try:
            operator, quantifier, if_exists = read_operator(text)
        except ValueError as error:
            raise PolicySyntaxError(f"Invalid Condition type : {text}.") from error
        if not isinstance(keys, dict):
            raise PolicySyntaxError("Syntax errors in policy.")
        for key, values in keys.items():
            prepared = tuple(operator.prepare(value, variables) for value in _texts(values))
            found.append(Condition(operator, key.lower(), prepared, quantifier, if_exists))
    return tuple(found)
