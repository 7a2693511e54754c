"""What a customer role may tell of itself, where the customer chose self-inspection: calls and their readers.

Every call is about the role's own ARN. It needs iam:GetRole, iam:ListRolePolicies, iam:GetRolePolicy,
iam:ListAttachedRolePolicies and iam:SimulatePrincipalPolicy on that ARN, in the role and in the session policy.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.errors import translate
from integrations.aws.policies import SELF_INSPECTION_ACTIONS
from integrations.catalogue import Component

_PAGES = 10  # more than the quotas of one role fill


@dataclass(frozen=True)
class RoleSelf:
    """The role as IAM describes it."""

    trust_policy: Mapping[str, Any]
    max_session_seconds: int
    boundary_arn: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RolePolicies:
    """What is attached to the role: inline documents by name, and ARNs of managed policies."""

    inline: Mapping[str, Mapping[str, Any]]
    managed_arns: tuple[str, ...]


@dataclass(frozen=True)
class Simulation:
    """What AWS's policy simulation says of one action. It sees no session policy and no resource policy."""

    action: str
    decision: str  # allowed, explicitDeny, implicitDeny
    blocked_by_organisation: bool
    blocked_by_boundary: bool


def read_role(iam: Any, role_name: str) -> RoleSelf:
    """The role; raises AwsCallFailed."""
    try:
        role = iam.get_role(RoleName=role_name)["Role"]
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None
    return RoleSelf(
        trust_policy=_document(role["AssumeRolePolicyDocument"]),
        max_session_seconds=role.get("MaxSessionDuration", 3600),
        boundary_arn=role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        tags={tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
    )


def read_policies(iam: Any, role_name: str) -> RolePolicies:
    """Everything attached to the role; raises AwsCallFailed."""
    try:
        names = _all_pages(iam.list_role_policies, "PolicyNames", RoleName=role_name)
        attached = _all_pages(iam.list_attached_role_policies, "AttachedPolicies", RoleName=role_name)
        inline = {
            name: _document(iam.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"])
            for name in names
        }
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None
    return RolePolicies(inline, tuple(policy["PolicyArn"] for policy in attached))


def simulate(iam: Any, role_arn: str, actions: Sequence[str], region: str) -> tuple[Simulation, ...]:
    """What the role's policies say of `actions` on any resource, called in `region`; raises AwsCallFailed."""
    called_in = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": [region], "ContextKeyType": "string"}
    try:
        results = _all_pages(
            iam.simulate_principal_policy,
            "EvaluationResults",
            PolicySourceArn=role_arn,
            ActionNames=list(actions),
            ContextEntries=[called_in],
        )
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None
    return tuple(
        Simulation(
            action=result["EvalActionName"],
            decision=result["EvalDecision"],
            blocked_by_organisation=not result.get("OrganizationsDecisionDetail", {}).get(
                "AllowedByOrganizations", True
            ),
            blocked_by_boundary=not result.get("PermissionsBoundaryDecisionDetail", {}).get(
                "AllowedByPermissionsBoundary", True
            ),
        )
        for result in results
    )


def more_than_asked(policies: RolePolicies, component: Component, role_name: str) -> tuple[str, ...]:
    """What is attached to the role that the template did not ask for: policy ARNs, and actions of inline policies."""
    # The template's own managed policies are called after the role and numbered.
    found = [arn for arn in policies.managed_arns if not arn.rpartition("/")[2].startswith(f"{role_name}-")]
    asked = {permission.action.lower() for permission in component.permissions}
    asked |= {action.lower() for action in SELF_INSPECTION_ACTIONS}
    for name, document in policies.inline.items():
        for statement in _list(document.get("Statement")):
            if statement.get("Effect") != "Allow":
                continue
            if "NotAction" in statement:
                found.append(f"{name}: everything but {', '.join(_list(statement['NotAction']))}")
                continue
            extra = sorted(action for action in _list(statement.get("Action")) if action.lower() not in asked)
            found += [f"{name}: {action}" for action in extra]
    return tuple(found)


def _all_pages(call: Any, key: str, **parameters: Any) -> list[Any]:
    found: list[Any] = []
    for _ in range(_PAGES):
        answer = call(**parameters)
        found += answer.get(key, [])
        if not answer.get("IsTruncated"):
            break
        parameters["Marker"] = answer["Marker"]
    return found


def _document(value: Any) -> Mapping[str, Any]:
    """IAM answers documents URL-encoded; botocore decodes most of them."""
    if isinstance(value, Mapping):
        return value
    read: Mapping[str, Any] = json.loads(unquote(value))
    return read


def _list(value: Any) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
