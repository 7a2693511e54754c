"""Read a customer role's trust policy and say where it differs from what the template said. Pure.

The live tests give the verdict on who gets in; this explains it, and finds what they cannot try: other people's
principals. Deny statements are the customer's own caution and are left alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from integrations.aws.report import Outcome
from integrations.aws.verdicts import MOVE_TO_ONE_ID, and_run_again, restore_trust
from integrations.aws.words import gettext_noop


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
        problems += _lint_actions(statement)
        # Whom the customer lets in beside us needs no external ID of ours: that it is let in is a problem of its own.
        if not _lets_us_in(statement, account_root_arn):
            continue
        if _allows(statement, "sts:AssumeRole"):
            problems += _lint_external_id(statement, external_ids)
        context_actions |= {action for action in _CONTEXT_ACTIONS if _allows(statement, action)}
    problems += [
        TrustProblem(
            cause,
            Outcome.DENIED,
            f"The trust policy does not allow {action}",
            restore_trust(f"our role needs {action} in a statement of its own"),
        )
        for action, cause in _CONTEXT_ACTIONS.items()
        if action not in context_actions
    ]
    return tuple(dict.fromkeys(problems))


_TEMPLATE_ACTIONS = {"sts:assumerole", "sts:tagsession", "sts:setsourceidentity"}
# AWS shows a principal that was deleted by the unique id it had.
_UNIQUE_ID = r"A(ROA|IDA)[A-Z0-9]+"
_CONTEXT_ACTIONS = {"sts:TagSession": "trust_lacks_tag_session", "sts:SetSourceIdentity": "trust_lacks_source_identity"}


def _lint_principals(statement: Mapping[str, Any], principal_arn: str, account_root_arn: str) -> Iterable[TrustProblem]:
    if "NotPrincipal" in statement:
        yield _too_wide("trust_not_principal", gettext_noop("The trust policy lets in everybody but those it names"))
        return
    principal = statement.get("Principal")
    by_kind: Mapping[str, Any] = principal if isinstance(principal, Mapping) else {"AWS": principal}
    pinned = _pinned_principals(statement)
    account_id = account_root_arn.split(":")[4]
    for kind, values in by_kind.items():
        for value in _list(values):
            if kind != "AWS":
                yield _other_principal(str(value))
            elif value == principal_arn:
                continue
            elif pinned and value in {"*", account_root_arn, account_id}:
                yield from (_other_principal(arn) for arn in pinned if arn != principal_arn)
            elif value == "*":
                yield _too_wide("trust_everybody", gettext_noop("The trust policy lets in everybody"))
            elif value in {account_root_arn, account_id}:
                yield _too_wide(
                    "trust_whole_account",
                    gettext_noop("The trust policy lets in our whole account, not one role of ours"),
                )
            elif re.fullmatch(_UNIQUE_ID, str(value)):
                yield TrustProblem(
                    "trust_principal_gone",
                    Outcome.DENIED,
                    gettext_noop("The trust policy names a role that does not exist any more"),
                    restore_trust(f"write {principal_arn} as its principal anew"),
                )
            else:
                yield _other_principal(str(value))


def _lets_us_in(statement: Mapping[str, Any], account_root_arn: str) -> bool:
    """Whether the statement speaks of the vendor's account at all: by everybody, by the account, or by a role of it."""
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    values = [str(value) for value in _list(principal.get("AWS") if isinstance(principal, Mapping) else principal)]
    account_id = account_root_arn.split(":")[4]
    return any(
        value in {"*", account_id} or value.split(":")[4:5] == [account_id] or re.fullmatch(_UNIQUE_ID, value)
        for value in values
    )


def _lint_actions(statement: Mapping[str, Any]) -> Iterable[TrustProblem]:
    if "NotAction" in statement:
        yield _unexpected(f"everything but {', '.join(map(str, _list(statement['NotAction'])))}")
    for action in _list(statement.get("Action")):
        if str(action).lower() not in _TEMPLATE_ACTIONS:
            yield _unexpected(str(action))


def _lint_external_id(statement: Mapping[str, Any], external_ids: Sequence[str]) -> Iterable[TrustProblem]:
    asked = [
        (operator, [str(value) for value in _list(values)])
        for operator, keys in _conditions(statement)
        for key, values in keys.items()
        if key.lower() == "sts:externalid"
    ]
    if not asked:
        yield _too_wide("external_id_missing", gettext_noop("The trust policy does not ask for the external ID"))
        return
    exact = [
        values
        for operator, values in asked
        if operator.lower() in {"stringequals", "foranyvalue:stringequals"}
        or (operator.lower() == "stringlike" and not any(set("*?") & set(value) for value in values))
    ]
    if not exact:
        operators = ", ".join(sorted({operator for operator, _ in asked}))
        yield _too_wide(
            "external_id_operator", f"The trust policy compares the external ID with {operators}, not with StringEquals"
        )
    elif not any("${" not in value for values in exact for value in values):
        yield _too_wide(
            "external_id_variable",
            gettext_noop(
                "The trust policy compares the external ID with a variable, which whoever assumes the role can set"
            ),
        )
    elif not any(set(values) <= set(external_ids) for values in exact):
        yield TrustProblem(
            "external_id_other_values",
            Outcome.VIOLATED,
            gettext_noop("The trust policy accepts other external IDs than yours"),
            MOVE_TO_ONE_ID,
        )


def _pinned_principals(statement: Mapping[str, Any]) -> list[str]:
    """The principals that a condition names one by one, whatever the principal says; empty where none does."""
    for operator, keys in _conditions(statement):
        if operator.lower() not in {"arnequals", "arnlike", "stringequals"}:
            continue
        for key, values in keys.items():
            named = [str(value) for value in _list(values)]
            if key.lower() == "aws:principalarn" and not any(set("*?$") & set(value) for value in named):
                return named
    return []


def _allows(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(_matches(str(pattern), action) for pattern in _list(statement["NotAction"]))
    return any(_matches(str(pattern), action) for pattern in _list(statement.get("Action")))


def _matches(pattern: str, action: str) -> bool:
    """As IAM compares actions. The pattern is the customer's: with a plain `.*` for each star, some dozens of stars
    would be tried for days, and no other thread of the process would run. fnmatch never goes back over a star.
    """
    return fnmatchcase(action.lower(), pattern.lower().replace("[", "[[]"))  # to IAM, a bracket is a character


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
        and_run_again(
            gettext_noop(
                "Put the trust policy of the current role template in place again: it must name our one role, and "
                "ask for your external ID with StringEquals."
            )
        ),
        too_wide=True,
    )


def _unexpected(what: str) -> TrustProblem:
    return TrustProblem(
        "trust_unexpected_action",
        Outcome.VIOLATED,
        f"The trust policy also allows {what}, which we did not ask for",
        f"Remove {what} from the trust policy: sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity are enough.",
    )


def _other_principal(value: str) -> TrustProblem:
    return TrustProblem(
        "trust_other_principal",
        Outcome.VIOLATED,
        f"The trust policy also lets in {value}",
        f"Remove {value} from the trust policy, unless you put it there on purpose: the role was made for us alone.",
    )
