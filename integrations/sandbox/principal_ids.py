"""Principals as IAM stores them: a role or user ARN in a policy becomes that entity's unique id.

So a role that is deleted and created anew no longer matches, and the policy then shows the id. Source: IAM user
guide, "AWS JSON policy elements: Principal".
"""

import json
import re
from typing import Any

from integrations.sandbox.arns import parse_arn
from integrations.sandbox.identities import arn_of_id, id_of_arn

_ENTITY = re.compile(r"^(role|user)/")
_UNIQUE_ID = re.compile(r"(?:AROA|AIDA)[A-Z0-9]{17}")


class InvalidPrincipalError(ValueError):
    """The policy names a principal that does not exist; the text is that principal as written."""


def to_ids(text: str) -> str:
    """Put unique ids in place of role and user ARNs; text that is not JSON is given back for others to refuse.

    Raises InvalidPrincipalError.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if not isinstance(document, dict):
        return text
    statements = document.get("Statement")
    changed = False
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element) if isinstance(statement, dict) else None
            if not isinstance(principals, dict) or "AWS" not in principals:
                continue
            values = principals["AWS"]
            stored = [_stored(value) for value in values] if isinstance(values, list) else _stored(values)
            if stored != values:
                principals["AWS"] = stored
                changed = True
    return json.dumps(document) if changed else text


def _stored(value: Any) -> Any:
    if not isinstance(value, str) or value == "*" or re.fullmatch(r"\d{12}", value):
        return value
    if _UNIQUE_ID.fullmatch(value):
        if arn_of_id(value) is None:
            raise InvalidPrincipalError(value)
        return value
    parsed = parse_arn(value)
    if parsed is None or "*" in value:
        raise InvalidPrincipalError(value)
    if parsed.service == "iam" and parsed.resource == "root":
        return value
    if parsed.service == "iam" and _ENTITY.match(parsed.resource):
        unique_id = id_of_arn(value)
        if unique_id is None:
            raise InvalidPrincipalError(value)
        return unique_id
    if parsed.service == "sts" and re.match(r"(assumed-role|federated-user)/", parsed.resource):
        return value
    raise InvalidPrincipalError(value)


def shown(text: str) -> str:
    """Put ARNs back in place of the ids of entities that still exist, in a document or its URL-encoded form."""
    encoded = "%22" in text

    def arn(found: re.Match[str]) -> str:
        current = arn_of_id(found.group(0))
        if current is None:
            return found.group(0)
        return current.replace(":", "%3A") if encoded else current

    return _UNIQUE_ID.sub(arn, text)
