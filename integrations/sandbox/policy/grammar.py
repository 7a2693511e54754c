"""Whether a text is a policy that IAM would store, and if not, what IAM says.

Source: IAM user guide, "Grammar of the IAM JSON policy language"; the messages are those of IAM's API.
"""

import json
import re
from typing import Any

from integrations.sandbox.policy.conditions import read_operator
from integrations.sandbox.policy.document import PolicySyntaxError

_SYNTAX = "Syntax errors in policy."
_TOP = {"Version", "Id", "Statement"}
_ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_ACTION = re.compile(r"^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$")
_ARN = re.compile(r"^arn:[^:]*:[^:]*:[^:]*:(?:[^:$]|\$\{[^}]*\}|\$)*:.+$", re.DOTALL)
_SERVICE = re.compile(
    r"^[A-Za-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal|sc2s\.sgov\.gov|c2s\.ic\.gov)$"
)


def check_identity_policy(text: str) -> None:
    """Check an inline, managed or session policy. Raises PolicySyntaxError with IAM's message."""
    for statement in _statements(text):
        if "Principal" in statement or "NotPrincipal" in statement:
            raise PolicySyntaxError("Policy document should not specify a principal.")
        if "Resource" not in statement and "NotResource" not in statement:
            raise PolicySyntaxError("Policy statement must contain resources.")


def check_trust_policy(text: str) -> None:
    """Check a role's trust policy. Raises PolicySyntaxError with IAM's message."""
    for statement in _statements(text):
        if "Resource" in statement or "NotResource" in statement:
            raise PolicySyntaxError("Has prohibited field Resource")
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise PolicySyntaxError("Missing required field Principal")
        for action in _listed(statement.get("Action")):
            if not action.lower().startswith("sts:"):
                raise PolicySyntaxError("AssumeRole policy may only specify STS AssumeRole actions.")
        _check_services(statement.get("Principal"))


def check_resource_policy(text: str) -> None:
    """Check a bucket's policy. Raises PolicySyntaxError."""
    for statement in _statements(text, dated=False):
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise PolicySyntaxError("Missing required field Principal")
        if "Resource" not in statement and "NotResource" not in statement:
            raise PolicySyntaxError("Missing required field Resource")


def _statements(text: str, *, dated: bool = True) -> list[dict[str, Any]]:
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise PolicySyntaxError("This policy contains invalid Json") from error
    if not isinstance(document, dict) or set(document) - _TOP or "Statement" not in document:
        raise PolicySyntaxError(_SYNTAX)
    version = document.get("Version")
    if version is not None and version not in ["2008-10-17", "2012-10-17"]:
        raise PolicySyntaxError(_SYNTAX)
    if dated and version != "2012-10-17":
        raise PolicySyntaxError("Policy document must be version 2012-10-17 or greater.")
    statements = document["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicySyntaxError(_SYNTAX)
    for statement in statements:
        _check_statement(statement)
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(sids) != len(set(sids)):
        raise PolicySyntaxError("Statement IDs (SID) in a single policy must be unique.")
    return list(statements)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PolicySyntaxError(_SYNTAX)
    return found


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict) or set(statement) - _ELEMENTS:
        raise PolicySyntaxError(_SYNTAX)
    if statement.get("Effect") not in ["Allow", "Deny"]:
        raise PolicySyntaxError(_SYNTAX)
    if "Sid" in statement and not (
        isinstance(statement["Sid"], str) and re.fullmatch(r"[A-Za-z0-9 ]*", statement["Sid"])
    ):
        raise PolicySyntaxError(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in statement and other in statement:
            raise PolicySyntaxError(_SYNTAX)
    actions = [item for name in ("Action", "NotAction") for item in _texts(statement, name)]
    if not actions:
        raise PolicySyntaxError("Policy statement must contain actions.")
    for action in actions:
        if not _ACTION.match(action):
            if ":" not in action:
                raise PolicySyntaxError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            raise PolicySyntaxError(f"Action {action} is not valid.")
    for name in ("Resource", "NotResource"):
        for resource in _texts(statement, name):
            if resource != "*" and not _ARN.match(resource):
                raise PolicySyntaxError(f'Resource {resource} must be in ARN format or "*".')
    _check_condition(statement.get("Condition"))


def _texts(statement: dict[str, Any], name: str) -> list[str]:
    if name not in statement:
        return []
    values = _listed(statement[name])
    if not all(isinstance(value, str) for value in values):
        raise PolicySyntaxError(_SYNTAX)
    return values


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _check_condition(block: Any) -> None:
    if block is None:
        return
    if not isinstance(block, dict):
        raise PolicySyntaxError(_SYNTAX)
    for operator, keys in block.items():
        try:
            read_operator(operator)
        except ValueError as error:
            raise PolicySyntaxError(f"Invalid Condition type : {operator}.") from error
        if not isinstance(keys, dict):
            raise PolicySyntaxError(_SYNTAX)
        for key, values in keys.items():
            if ":" not in key:
                raise PolicySyntaxError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            if not all(isinstance(value, str | int | float | bool) for value in _listed(values)):
                raise PolicySyntaxError(_SYNTAX)


def _check_services(principal: Any) -> None:
    if not isinstance(principal, dict):
        if principal not in {None, "*"}:
            raise PolicySyntaxError(_SYNTAX)
        return
    for kind, values in principal.items():
        if kind not in {"AWS", "Service", "Federated", "CanonicalUser"}:
            raise PolicySyntaxError(f"Invalid principal in policy: {kind}")
        for value in _listed(values):
            if not isinstance(value, str):
                raise PolicySyntaxError(_SYNTAX)
            if kind == "Service" and not _SERVICE.match(value):
                raise PolicySyntaxError(f'Invalid principal in policy: "SERVICE":"{value}"')
