"""`iam:SimulatePrincipalPolicy` and `iam:SimulateCustomPolicy`.

As on AWS they look at identity policies, the permissions boundary, service control policies and a resource policy
that is passed, never at trust or session policies, and know only the context that is passed. Source: IAM API
reference and IAM user guide, "IAM policy testing with the policy simulator".
"""

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from integrations.sandbox import identities as identity_views
from integrations.sandbox.arns import parse_arn
from integrations.sandbox.callers import Caller
from integrations.sandbox.context import Keys
from integrations.sandbox.errors import AwsError
from integrations.sandbox.identities import Identities
from integrations.sandbox.operations import Operation
from integrations.sandbox.policy import (
    Decision,
    Policy,
    PolicyKind,
    PolicySet,
    PolicySyntaxError,
    Principal,
    Request,
    evaluate,
    parse_policy,
)
from integrations.sandbox.policy.evaluate import Levels
from integrations.sandbox.policy.grammar import check_identity_policy, check_resource_policy
from integrations.sandbox.wire import HttpResponse

_ACTION = re.compile(r"^[A-Za-z0-9-]+:[A-Za-z0-9]+$")
_VARIABLE = re.compile(r"\$\{([^},]+)[^}]*\}")


@dataclass(frozen=True)
class _Subject:
    """Whose permissions are simulated."""

    principal: Principal
    identity: tuple[Policy, ...]
    boundary: Policy | None
    service_control: Levels
    texts: tuple[str, ...]


class Simulator:
    """Answers the two operations."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def answer(self, operation: Operation, caller: Caller) -> HttpResponse:
        """Answer an authorised call. Raises AwsError."""
        params = operation.params
        actions = [str(item) for item in params.get("ActionNames") or []]
        for action in actions:
            if not _ACTION.match(action):
                raise AwsError("InvalidInput", f"Invalid Entity Action: {action}", 400)
        if operation.name == "SimulatePrincipalPolicy":
            subject = self._subject_of_arn(str(params.get("PolicySourceArn", "")), params)
        else:
            subject = _custom_subject(caller, params)
        resources = [str(item) for item in params.get("ResourceArns") or ["*"]]
        keys = _context(params.get("ContextEntries") or [])
        if params.get("CallerArn"):
            keys.setdefault("aws:principalarn", (str(params["CallerArn"]),))
        resource_policy = _resource_policy(params.get("ResourcePolicy"))
        results = [
            _result(subject, action, resource, keys, resource_policy, params)
            for action in actions
            for resource in resources
        ]
        return _answer(operation.name, results)

    def _subject_of_arn(self, arn: str, params: Mapping[str, Any]) -> _Subject:
        parsed = parse_arn(arn)
        kind, _, rest = parsed.resource.partition("/") if parsed is not None else ("", "", "")
        name = rest.rsplit("/", 1)[-1]
        if parsed is None or parsed.service != "iam" or kind not in {"role", "user"}:
            text = f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
            raise AwsError("InvalidInput", text, 400)
        found = (
            self._identities.role(arn)
            if kind == "role"
            else self._identities.user_by_name(parsed.partition, parsed.account, name)
        )
        if found is None or found.arn != arn:
            raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)
        extra = tuple(str(text) for text in params.get("PolicyInputList") or [])
        boundary = _boundary(params) or found.boundary
        principal = Principal(parsed.account, arn, arn, found.id, is_session=kind == "role")
        identity = (*found.policies, *_read(extra, PolicyKind.IDENTITY, "PolicyInputList"))
        return _Subject(
            principal,
            identity,
            boundary,
            self._identities.service_control(parsed.partition, parsed.account),
            (*identity_views.policy_texts(parsed.partition, parsed.account, kind, name), *extra),
        )


def _custom_subject(caller: Caller, params: Mapping[str, Any]) -> _Subject:
    texts = tuple(str(text) for text in params.get("PolicyInputList") or [])
    arn = str(params.get("CallerArn") or caller.arn)
    return _Subject(
        Principal(caller.account, arn, arn),
        _read(texts, PolicyKind.IDENTITY, "PolicyInputList"),
        _boundary(params),
        (),
        texts,
    )


def _boundary(params: Mapping[str, Any]) -> Policy | None:
    texts = [str(text) for text in params.get("PermissionsBoundaryPolicyInputList") or []]
    read = _read(texts, PolicyKind.BOUNDARY, "PermissionsBoundaryPolicyInputList")
    return read[0] if read else None


def _read(texts: Iterable[str], kind: PolicyKind, source: str) -> tuple[Policy, ...]:
    found = []
    for number, text in enumerate(texts, 1):
        try:
            check_identity_policy(text)
        except PolicySyntaxError as error:
            raise AwsError("InvalidInput", f"Invalid policy in {source}: {error}", 400) from error
        found.append(parse_policy(kind, text, name=f"{source}.{number}"))
    return tuple(found)


def _resource_policy(text: Any) -> Policy | None:
    if not text:
        return None
    try:
        check_resource_policy(str(text))
    except PolicySyntaxError as error:
        raise AwsError("InvalidInput", f"Invalid resource policy: {error}", 400) from error
    return parse_policy(PolicyKind.RESOURCE, str(text), name="ResourcePolicy")


def _context(entries: Iterable[Mapping[str, Any]]) -> Keys:
    return {
        str(entry.get("ContextKeyName", "")).lower(): tuple(str(value) for value in entry.get("ContextKeyValues") or [])
        for entry in entries
    }


def _result(
    subject: _Subject,
    action: str,
    resource: str,
    keys: Keys,
    resource_policy: Policy | None,
    params: Mapping[str, Any],
) -> dict[str, Any]:
    owner = str(params.get("ResourceOwner") or "").split(":")[4:5]
    parts = resource.split(":")
    account = (owner or [parts[4] if len(parts) > 4 and parts[4] else subject.principal.account])[0]
    policies = PolicySet(
        identity=subject.identity,
        boundary=subject.boundary,
        service_control=subject.service_control,
        resource=resource_policy,
    )
    own = subject.principal.account
    request = Request(action, resource, subject.principal, keys, account if resource_policy else own)
    decision = evaluate(request, policies)
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": _word(decision),
        "MatchedStatements": [
            {
                "SourcePolicyId": decision.policy.name,
                "SourcePolicyType": "IAM Policy",
                "StatementIndex": str(decision.statement.index),
            }
        ]
        if decision.policy is not None and decision.statement is not None
        else [],
        "MissingContextValues": _missing(subject.texts, action, keys),
        **_organisation_detail(request, subject),
        **_boundary_detail(request, subject),
    }


def _word(decision: Decision) -> str:
    if decision.allowed:
        return "allowed"
    return "explicitDeny" if decision.explicit else "implicitDeny"


def _organisation_detail(request: Request, subject: _Subject) -> dict[str, Any]:
    if not subject.service_control:
        return {}
    allowed = all(evaluate(request, PolicySet(identity=level)).allowed for level in subject.service_control) and (
        request.principal.account == request.resource_account
    )
    return {"OrganizationsDecisionDetail": {"AllowedByOrganizations": allowed}}


def _boundary_detail(request: Request, subject: _Subject) -> dict[str, Any]:
    if subject.boundary is None:
        return {}
    own = Request(request.action, request.resource, request.principal, request.context, request.principal.account)
    allowed = evaluate(own, PolicySet(identity=(subject.boundary,))).allowed
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": allowed}}


def _missing(texts: Iterable[str], action: str, keys: Keys) -> list[str]:
    """Give the condition keys that the policies ask for and the call did not pass."""
    found: dict[str, str] = {}
    for text in texts:
        document = json.loads(text)
        statements = document.get("Statement", [])
        for statement in statements if isinstance(statements, list) else [statements]:
            if not _speaks_of(statement, action):
                continue
            for block in (statement.get("Condition") or {}).values():
                for key in block:
                    found.setdefault(key.lower(), key)
            for key in _VARIABLE.findall(json.dumps(statement)):
                if key not in {"*", "?", "$"}:
                    found.setdefault(key.lower(), key)
    return sorted(shown for key, shown in found.items() if key not in keys)


def _speaks_of(statement: Mapping[str, Any], action: str) -> bool:
    text = json.dumps({"Version": "2012-10-17", "Statement": {**statement, "Resource": "*", "Condition": {}}})
    text = text if "NotResource" not in statement else text.replace('"NotResource"', '"Sid"')
    try:
        parsed = parse_policy(PolicyKind.IDENTITY, text).statements[0]
    except PolicySyntaxError:
        return False
    lowered = action.lower()
    return (parsed.action is None or parsed.action(lowered)) and not (
        parsed.not_action is not None and parsed.not_action(lowered)
    )


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def _answer(operation: str, results: list[dict[str, Any]]) -> HttpResponse:
    inside = f"<IsTruncated>false</IsTruncated><EvaluationResults>{_xml(results)}</EvaluationResults>"
    body = (
        f'<{operation}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><{operation}Result>{inside}'
        f"</{operation}Result><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        f"</{operation}Response>"
    )
    return HttpResponse(200, body.encode(), [("Content-Type", "text/xml")])
