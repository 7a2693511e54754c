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

from integrations.aws.arns import RoleArn
from integrations.aws.errors import translate
from integrations.aws.narrowing import template_policy_arns
from integrations.aws.policies import SELF_INSPECTION_ACTIONS, conditions_of, resources_of
from integrations.catalogue import Component, Permission

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
class Question:
    """One action to simulate, on these resources, under these conditions of the catalogue's, in this region."""

    action: str
    region: str
    resources: tuple[str, ...] = ("*",)
    conditions: str = "{}"  # as JSON, so that a question can be a key

    @classmethod
    def about(cls, permission: Permission, role: RoleArn, region: str) -> "Question":
        resources = tuple(resources_of(permission, role.partition, role.account_id))
        conditions = json.dumps(conditions_of(permission, role.partition, role.account_id), sort_keys=True)
        return cls(permission.action, region, resources, conditions)


@dataclass(frozen=True)
class Simulation:
    """What AWS's policy simulation says of one action. It sees no session policy and no resource policy.

    `decided_by` are the policies whose statements decided. `not_told` are the condition keys that some policy asks for
    and whose real values the simulation was not given: a denial may then be none.
    """

    action: str
    decision: str  # allowed, explicitDeny, implicitDeny
    blocked_by_organisation: bool = False
    blocked_by_boundary: bool = False
    decided_by: tuple[str, ...] = ()
    not_told: tuple[str, ...] = ()


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


def simulate(iam: Any, role_arn: str, questions: Sequence[Question]) -> dict[Question, Simulation]:
    """What the role's policies say to each of `questions`, as far as AWS answers; raises AwsCallFailed."""
    answers: dict[Question, Simulation] = {}
    alike: dict[tuple[str, tuple[str, ...], str], list[Question]] = {}
    for question in questions:
        alike.setdefault((question.region, question.resources, question.conditions), []).append(question)
    for (region, resources, conditions), group in alike.items():
        try:
            results = _all_pages(
                iam.simulate_principal_policy,
                "EvaluationResults",
                PolicySourceArn=role_arn,
                ActionNames=[question.action for question in group],
                ResourceArns=list(resources),
                ContextEntries=_context(region, json.loads(conditions)),
            )
        except (ClientError, BotoCoreError) as error:
            raise translate(error) from None
        for question in group:
            of_action = [_read_result(result) for result in results if result["EvalActionName"] == question.action]
            # All resources must be allowed; the one that is not says why.
            denied = [simulation for simulation in of_action if simulation.decision != "allowed"]
            if of_action:
                answers[question] = (denied or of_action)[0]
    return answers


def _read_result(result: Mapping[str, Any]) -> Simulation:
    organisation = result.get("OrganizationsDecisionDetail", {})
    boundary = result.get("PermissionsBoundaryDecisionDetail", {})
    decided_by = [statement.get("SourcePolicyId", "") for statement in result.get("MatchedStatements", [])]
    return Simulation(
        action=result["EvalActionName"],
        decision=result["EvalDecision"],
        blocked_by_organisation=not organisation.get("AllowedByOrganizations", True),
        blocked_by_boundary=not boundary.get("AllowedByPermissionsBoundary", True),
        decided_by=tuple(dict.fromkeys(filter(None, decided_by))),
        not_told=tuple(result.get("MissingContextValues", ())),
    )


# The condition operators of the catalogue whose own value satisfies them, by how their names begin.
_CONTEXT_TYPES = {
    "StringEquals": "string",
    "StringLike": "string",
    "ArnEquals": "string",
    "ArnLike": "string",
    "Bool": "boolean",
    "NumericEquals": "numeric",
}


def _context(region: str, conditions: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a real call would bring: its region, and what the catalogue's own conditions ask for."""
    entries = {"aws:requestedregion": ("aws:RequestedRegion", region, "string")}
    for operator, keys in conditions.items():
        for key, values in keys.items():
            kind = _CONTEXT_TYPES.get(operator.removesuffix("IfExists"))
            if kind is not None:
                value = values if isinstance(values, str) else values[0]
                entries.setdefault(key.lower(), (key, value, kind))
    return [
        {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": kind}
        for name, value, kind in entries.values()
    ]


def more_than_asked(
    policies: RolePolicies, component: Component, role: RoleArn, regions: Sequence[str] = ()
) -> tuple[str, ...]:
    """What is attached to the role that the template did not ask for: policy ARNs, and actions of inline policies."""
    ours = template_policy_arns(component, role, self_inspection=True, regions=regions)
    found = [arn for arn in policies.managed_arns if arn not in ours]
    asked = {permission.action.lower(): permission for permission in component.permissions}
    for name, document in policies.inline.items():
        for statement in _list(document.get("Statement")):
            if statement.get("Effect") != "Allow":
                continue
            resources = list(_list(statement.get("Resource")))
            if "NotResource" in statement:
                resources = [f"everything but {resource}" for resource in _list(statement["NotResource"])]
            if "NotAction" in statement:
                found.append(f"{name}: everything but {', '.join(_list(statement['NotAction']))}")
                continue
            for action in sorted(_list(statement.get("Action"))):
                found += [f"{name}: {extra}" for extra in _extra(action, resources, statement, asked, role)]
    return tuple(dict.fromkeys(found))


def _extra(
    action: str,
    resources: Sequence[str],
    statement: Mapping[str, Any],
    asked: Mapping[str, Permission],
    role: RoleArn,
) -> list[str]:
    """In what `action` of a statement goes beyond what was asked."""
    if action.lower() in {wanted.lower() for wanted in SELF_INSPECTION_ACTIONS}:
        return [f"{action} on {resource}" for resource in resources if resource != str(role)]
    permission = asked.get(action.lower())
    if permission is None:
        return [action]
    wanted = set(resources_of(permission, role.partition, role.account_id))
    if "*" not in wanted and (beyond := [resource for resource in resources if resource not in wanted]):
        return [f"{action} on {resource}" for resource in beyond]
    asked_for = conditions_of(permission, role.partition, role.account_id)
    if not _holds(asked_for, statement.get("Condition") or {}):
        return [f"{action} without the condition that we ask for"]
    return []


def _holds(asked_for: Mapping[str, Mapping[str, Any]], condition: Mapping[str, Any]) -> bool:
    """Whether every condition that was asked for is there, with those values and no other."""
    there = {
        (operator.lower(), key.lower()): set(_list(values))
        for operator, keys in condition.items()
        for key, values in keys.items()
    }
    return all(
        there.get((operator.lower(), key.lower())) == set(_list(values))
        for operator, keys in asked_for.items()
        for key, values in keys.items()
    )


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
