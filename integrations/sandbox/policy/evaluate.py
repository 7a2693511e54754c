"""The decision: explicit denials first, then every kind of policy that has to allow.

Source: IAM user guide, "Policy evaluation logic", "Determining whether a request is allowed or denied within an
account" and "Cross-account policy evaluation logic".
"""

from dataclasses import dataclass

from integrations.sandbox.policy.document import Policy, PolicyKind, Statement
from integrations.sandbox.policy.patterns import Context
from integrations.sandbox.policy.principals import Grant, Principal

Levels = tuple[tuple[Policy, ...], ...]
"""Policies of an organisation from its root down to the account; every level has to allow."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: `action` as `service:Name`, an ARN or `*`, who asks, and the condition keys in lower case."""

    action: str
    resource: str
    principal: Principal
    context: Context
    resource_account: str


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All that can speak on a request. `session` None means that the session has no session policy."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    service_control: Levels = ()
    resource_control: Levels = ()
    resource: Policy | None = None
    resource_must_allow: bool = False
    """True for role trust policies: identity policies alone never give access to a role."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer and its reason: an explicit denial has a statement, an implicit one names the kind that is silent."""

    allowed: bool
    explicit: bool
    kind: PolicyKind | None
    policy: Policy | None
    statement: Statement | None


@dataclass(frozen=True, slots=True)
class _Found:
    policy: Policy
    statement: Statement
    grant: Grant


def evaluate(request: Request, policies: PolicySet) -> Decision:
    """Decide on a request. No errors: a policy that cannot be read was refused when it was parsed."""
    action = request.action.lower()
    denial = _explicit_denial(request, action, policies)
    if denial is not None:
        return Decision(False, True, denial.policy.kind, denial.policy, denial.statement)

    for kind, levels in (
        (PolicyKind.RESOURCE_CONTROL, policies.resource_control),
        (PolicyKind.SERVICE_CONTROL, policies.service_control),
    ):
        for level in levels:
            if _allowing(request, action, level) is None:
                return _silence(kind)

    resource = _resource_grant(request, action, policies.resource)
    same_account = request.principal.account == request.resource_account
    named = resource.grant if resource is not None else Grant.NONE
    if resource is None and policies.resource is not None and (policies.resource_must_allow or not same_account):
        return _own_silence_first(request, action, policies, policies.resource.kind)
    if resource is None and not same_account:
        return _own_silence_first(request, action, policies, PolicyKind.RESOURCE)

    if same_account and resource is not None and named is Grant.EXACT:
        return _allowed(resource)
    identity = _allowing(request, action, policies.identity)
    if identity is None and not (same_account and named is Grant.ENTITY):
        return _silence(PolicyKind.IDENTITY)
    limit = _limit(request, action, policies)
    if limit is not None:
        return limit
    found = resource if identity is None else identity
    return _silence(PolicyKind.IDENTITY) if found is None else _allowed(found)


def _own_silence_first(request: Request, action: str, policies: PolicySet, kind: PolicyKind) -> Decision:
    """Name the caller's own side if that is silent too: AWS shows one reason, and the caller's can be acted upon."""
    if _allowing(request, action, policies.identity) is None:
        return _silence(PolicyKind.IDENTITY)
    return _limit(request, action, policies) or _silence(kind)


def _limit(request: Request, action: str, policies: PolicySet) -> Decision | None:
    if policies.boundary is not None and _allowing(request, action, (policies.boundary,)) is None:
        return _silence(PolicyKind.BOUNDARY)
    if policies.session is not None and _allowing(request, action, policies.session) is None:
        return _silence(PolicyKind.SESSION)
    return None


def _allowed(found: _Found) -> Decision:
    return Decision(True, False, found.policy.kind, found.policy, found.statement)


def _silence(kind: PolicyKind) -> Decision:
    return Decision(False, False, kind, None, None)


def _explicit_denial(request: Request, action: str, policies: PolicySet) -> _Found | None:
    without_principal: list[Policy] = []
    for level in policies.resource_control + policies.service_control:
        without_principal.extend(level)
    without_principal.extend(policies.identity)
    if policies.boundary is not None:
        without_principal.append(policies.boundary)
    without_principal.extend(policies.session or ())
    for policy in without_principal:
        for statement in policy.statements:
            if not statement.allows and statement.covers(action, request.resource, request.context):
                return _Found(policy, statement, Grant.NONE)
    if policies.resource is not None:
        for statement in policies.resource.statements:
            if (
                not statement.allows
                and statement.grant(request.principal)
                and statement.covers(action, request.resource, request.context)
            ):
                return _Found(policies.resource, statement, Grant.NONE)
    return None


def _allowing(request: Request, action: str, policies: tuple[Policy, ...]) -> _Found | None:
    for policy in policies:
        for statement in policy.statements:
            if statement.allows and statement.covers(action, request.resource, request.context):
                return _Found(policy, statement, Grant.NONE)
    return None


def _resource_grant(request: Request, action: str, policy: Policy | None) -> _Found | None:
    """Give the statement of the resource's policy that names the caller most directly."""
    best: _Found | None = None
    for statement in policy.statements if policy is not None else ():
        if not statement.allows:
            continue
        grant = statement.grant(request.principal)
        if (
            grant
            and (best is None or grant > best.grant)
            and statement.covers(action, request.resource, request.context)
        ):
            best = _Found(policy, statement, grant) if policy is not None else None
    return best
