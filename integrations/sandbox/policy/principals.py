"""Who calls, and whether a policy's `Principal` element names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller, as a `Principal` element can name it.

    `arn` is the session, user or root ARN; `entity_arn` the role or user behind it; `entity_id` its unique id, which
    is what IAM stores when a policy names a role or user.
    """

    account: str
    arn: str
    entity_arn: str
    entity_id: str = ""
    is_session: bool = False
    service: str | None = None


class Grant(IntEnum):
    """How directly a `Principal` element names the caller; see "Resource-based policies" in the evaluation logic."""

    NONE = 0
    ACCOUNT = 1  # the account or its root: the account's own policies still have to allow
    ENTITY = 2  # the role, or `*`: boundary and session policy still limit
    EXACT = 3  # the user or the very session: implicit denials of boundary and session policy do not matter


Principals = Mapping[str, tuple[str, ...]]


def grant_of(principals: Principals, caller: Principal) -> Grant:
    """Tell how directly `principals` names the caller."""
    best = Grant.NONE
    if caller.service is not None:
        named = principals.get("Service", ()) + principals.get("AWS", ())
        return Grant.EXACT if caller.service in named or "*" in named else Grant.NONE
    for value in principals.get("AWS", ()):
        best = max(best, _grant_of_value(value, caller))
    return best


def is_spared(not_principals: Principals, caller: Principal) -> bool:
    """Tell whether a `NotPrincipal` element leaves the caller out.

    A user is left out only if named together with its account, a session only together with its role and account;
    naming the account alone spares its root and nobody else. Source: IAM user guide, "NotPrincipal".
    """
    named = set(not_principals.get("AWS", ()))
    if caller.service is not None or "*" in named:
        return grant_of(not_principals, caller) is not Grant.NONE
    if not any(value == caller.account or _is_root_of(value, caller.account) for value in named):
        return False
    behind = not {caller.entity_arn, caller.entity_id}.isdisjoint(named - {""})
    return _is_root_of(caller.arn, caller.account) or (behind and (not caller.is_session or caller.arn in named))


def _grant_of_value(value: str, caller: Principal) -> Grant:
    if value == "*":
        return Grant.ENTITY
    if caller.account and (value == caller.account or _is_root_of(value, caller.account)):
        return Grant.ACCOUNT
    if value == caller.arn:
        return Grant.EXACT
    if value in {caller.entity_arn, caller.entity_id} and value:
        return Grant.ENTITY if caller.is_session else Grant.EXACT
    return Grant.NONE


def _is_root_of(value: str, account: str) -> bool:
    parts = value.split(":")
    return len(parts) == 6 and parts[0] == "arn" and parts[2] == "iam" and parts[4] == account and parts[5] == "root"
