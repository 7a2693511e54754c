"""Read a customer role's trust policy and say where it differs from what the template said. Pure.

The live tests give the verdict on who gets in; this explains it, and finds what they cannot try: other people's
principals. Deny statements are the customer's own caution and are left alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.aws.report import Outcome

_REDEPLOY = "Deploy the current role template again, or change the trust policy by hand: "


@dataclass(frozen=True)
class TrustProblem:
    """One difference. `too_wide`: by it, somebody other than our role, or without the external ID, gets in."""

    cause: str
    outcome: Outcome
    title: str
    fix: str
    too_wide: bool = False


def lint_trust(
    document: Mapping[str, Any], *, principal_arn: str, account_root_arn: str, external_ids: Sequence[str]
) -> tuple[TrustProblem, ...]:
    """The problems of a trust policy that should let in `principal_arn` alone, with one of `external_ids`."""
    problems: list[TrustProblem] = []
    context_actions: set[str] = set()
    for statement in _list(document.get("Statement")):
        if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow":
            continue
        problems += _lint_principals(statement, principal_arn, account_root_arn)
        if _allows(statement, "sts:AssumeRole"):
            problems += _lint_external_id(statement, external_ids)
        context_actions |= {action for action in _CONTEXT_ACTIONS if _allows(statement, action)}
    problems += [
        TrustProblem(
            cause,
            Outcome.DENIED,
            f"The trust policy does not allow {action}",
            _REDEPLOY + f"our role needs {action} in a statement of its own.",
        )
        for action, cause in _CONTEXT_ACTIONS.items()
        if action not in context_actions
    ]
    return tuple(dict.fromkeys(problems))


_CONTEXT_ACTIONS = {"sts:TagSession": "trust_lacks_tag_session", "sts:SetSourceIdentity": "trust_lacks_source_identity"}


def _lint_principals(statement: Mapping[str, Any], principal_arn: str, account_root_arn: str) -> Iterable[TrustProblem]:
    if "NotPrincipal" in statement:
        yield _too_wide("trust_not_principal", "The trust policy lets in everybody but those it names")
        return
    principal = statement.get("Principal")
    by_kind: Mapping[str, Any] = principal if isinstance(principal, Mapping) else {"AWS": principal}
    pinned = _pins_principal(statement, principal_arn)
    account_id = account_root_arn.split(":")[4]
    for kind, values in by_kind.items():
        for value in _list(values):
            if kind != "AWS":
                yield _other_principal(str(value))
            elif value == principal_arn or (pinned and value in {"*", account_root_arn, account_id}):
                continue
            elif value == "*":
                yield _too_wide("trust_everybody", "The trust policy lets in everybody")
            elif value in {account_root_arn, account_id}:
                yield _too_wide(
                    "trust_whole_account", "The trust policy lets in our whole account, not one role of ours"
                )
            elif re.fullmatch(r"A(ROA|IDA)[A-Z0-9]+", str(value)):
                yield TrustProblem(
                    "trust_principal_gone",
                    Outcome.DENIED,
                    "The trust policy names a role that does not exist any more",
                    _REDEPLOY + f"write {principal_arn} as its principal anew.",
                )
            else:
                yield _other_principal(str(value))


def _lint_external_id(statement: Mapping[str, Any], external_ids: Sequence[str]) -> Iterable[TrustProblem]:
    asked = [
        (operator, [str(value) for value in _list(values)])
        for operator, keys in _conditions(statement)
        for key, values in keys.items()
        if key.lower() == "sts:externalid"
    ]
    if not asked:
        yield _too_wide("external_id_missing", "The trust policy does not ask for the external ID")
        return
    exact = [
        values
        for operator, values in asked
        if operator.lower() == "stringequals"
        or (operator.lower() == "stringlike" and not any(set("*?") & set(value) for value in values))
    ]
    if not exact:
        operators = ", ".join(sorted({operator for operator, _ in asked}))
        yield _too_wide(
            "external_id_operator", f"The trust policy compares the external ID with {operators}, not with StringEquals"
        )
    elif not any(set(values) <= set(external_ids) for values in exact):
        yield TrustProblem(
            "external_id_other_values",
            Outcome.VIOLATED,
            "The trust policy accepts other external IDs than yours",
            _REDEPLOY + "StringEquals sts:ExternalId must hold your external ID alone.",
        )


def _pins_principal(statement: Mapping[str, Any], principal_arn: str) -> bool:
    """Whether a condition lets in the one role, whatever the principal says."""
    return any(
        operator.lower() in {"arnequals", "arnlike", "stringequals"}
        and key.lower() == "aws:principalarn"
        and _list(values) == [principal_arn]
        for operator, keys in _conditions(statement)
        for key, values in keys.items()
    )


def _allows(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(_matches(str(pattern), action) for pattern in _list(statement["NotAction"]))
    return any(_matches(str(pattern), action) for pattern in _list(statement.get("Action")))


def _matches(pattern: str, action: str) -> bool:
    expression = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, action.lower()) is not None


def _conditions(statement: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    condition = statement.get("Condition")
    if not isinstance(condition, Mapping):
        return []
    return [(str(operator), keys) for operator, keys in condition.items() if isinstance(keys, Mapping)]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _too_wide(cause: str, title: str) -> TrustProblem:
    return TrustProblem(
        cause,
        Outcome.VIOLATED,
        title,
        _REDEPLOY + "it must name our one role, and ask for your external ID with StringEquals.",
        too_wide=True,
    )


def _other_principal(value: str) -> TrustProblem:
    return TrustProblem(
        "trust_other_principal",
        Outcome.VIOLATED,
        f"The trust policy also lets in {value}",
        f"Remove {value} from the trust policy, unless you put it there on purpose: the role was made for us alone.",
    )
