"""STS as the sandbox answers it itself: AssumeRole with its sessions, GetCallerIdentity, GetSessionToken.

Source: IAM user guide, "Passing session tags in AWS STS", "Monitor and control actions taken with assumed roles",
"Roles terms and concepts: role chaining"; STS API reference. `sts:ExternalId` is offered only to sts:AssumeRole
itself, never to the sts:TagSession and sts:SetSourceIdentity checks of the same call: the strict reading of the
service authorization reference.
"""

import dataclasses
from dataclasses import dataclass
from xml.sax.saxutils import escape

from integrations.sandbox import identities as identity_views
from integrations.sandbox.callers import Caller, Callers, Session, Sessions, new_access_key, new_secret
from integrations.sandbox.clock import Clock, iso
from integrations.sandbox.context import Keys, caller_keys, tag_keys
from integrations.sandbox.errors import AwsError, access_denied
from integrations.sandbox.identities import Identities, Role, Tags
from integrations.sandbox.policy import (
    Decision,
    Policy,
    PolicyKind,
    PolicySet,
    PolicySyntaxError,
    Principal,
    Request,
    evaluate,
)
from integrations.sandbox.policy.grammar import check_identity_policy
from integrations.sandbox.sts_input import LONGEST_CHAINED, AssumeRoleInput, invalid, packed_size, read_duration
from integrations.sandbox.wire import HttpResponse
from integrations.sandbox.wording import near, refusal

_NOBODY = Policy(PolicyKind.TRUST, ())


@dataclass(frozen=True)
class Assumed:
    """A session that was opened."""

    session: Session
    packed_size: int | None


class TokenService:
    """Opens sessions."""

    def __init__(self, clock: Clock, identities: Identities, callers: Callers, sessions: Sessions) -> None:
        self._clock = clock
        self._identities = identities
        self._callers = callers
        self._sessions = sessions

    def assume_role(self, caller: Caller, item: AssumeRoleInput, request_keys: Keys) -> Assumed:
        """Open a session of a role. Raises AwsError with AWS's code and text."""
        if caller.kind == "Account":
            raise access_denied("Roles may not be assumed by root accounts.")
        if caller.session is not None and caller.session.role_arn and item.duration > LONGEST_CHAINED:
            raise invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
            )
        inherited = _inherited(caller)
        if set(item.tags) & set(inherited):
            raise AwsError(
                "InvalidParameterValue",
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
                "from the calling session.",
            )
        source_identity = _source_identity(caller, item)
        _check_session_policy(item)
        tags = {**item.tags, **inherited}
        role = self._identities.role(item.role_arn) if item.role.partition == caller.partition else None
        self._authorise(caller, item, role, inherited, source_identity, request_keys)
        if role is None:
            raise access_denied(f"{item.role_arn} cannot be assumed")
        if item.duration > role.max_session_seconds:
            raise invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        size = packed_size(item, tags)
        session = self._open(
            role,
            caller.partition,
            item,
            tags=tags,
            transitive=frozenset(inherited) | item.transitive,
            source_identity=source_identity,
        )
        return Assumed(session, size)

    def assume_for_service(self, role_arn: str, service: str, item: AssumeRoleInput, request_keys: Keys) -> Session:
        """Open a role's first session for an AWS service, as ECS does for a task. Raises AwsError."""
        role = self._identities.role(role_arn)
        account = item.role.account
        decision = evaluate(
            Request(
                "sts:AssumeRole",
                role_arn,
                Principal(account, service, "", service=service),
                {**request_keys, "aws:principalisawsservice": ("true",), "aws:principalservicename": (service,)},
                account,
            ),
            PolicySet(resource=role.trust if role is not None else _NOBODY, resource_must_allow=True),
        )
        if role is None or not decision.allowed:
            raise access_denied(
                f"{service} is unable to assume the role '{role_arn}'. Verify that the role exists and that its trust "
                f"policy allows {service} to perform sts:AssumeRole."
            )
        return self._open(role, item.role.partition, item, tags={}, transitive=frozenset(), source_identity=None)

    def session_token(self, caller: Caller, form: dict[str, str]) -> Session:
        """Open a session of an IAM user or root. Raises AwsError for callers that are sessions."""
        if caller.session is not None or caller.kind == "Account":
            raise access_denied("Cannot call GetSessionToken with session credentials")
        duration = read_duration(form, 43200, 129600)
        now = self._clock.now()
        session = Session(
            access_key=new_access_key(),
            secret=new_secret(),
            token=new_secret() + new_secret(),
            account=caller.account,
            partition=caller.partition,
            name=caller.user_name,
            role_arn="",
            role_id="",
            role_name="",
            issued=now,
            expires=now + duration,
            user_name=caller.user_name,
        )
        self._sessions.add(session)
        return session

    def _authorise(
        self,
        caller: Caller,
        item: AssumeRoleInput,
        role: Role | None,
        inherited: Tags,
        source_identity: str | None,
        request_keys: Keys,
    ) -> None:
        common: Keys = {**caller_keys(caller, self._callers.tags(caller)), **request_keys}
        if role is not None:
            # A transitive tag of the calling session overrides the role's tag of the same key.
            resource_tags = {**role.tags, **inherited}
            common.update(tag_keys("aws:resourcetag", resource_tags))
            common.update(tag_keys("iam:resourcetag", resource_tags))
        common["aws:resourceaccount"] = (item.role.account,)
        policies = dataclasses.replace(
            self._callers.policies(caller),
            resource=role.trust if role is not None else _NOBODY,
            resource_must_allow=True,
            resource_control=self._identities.resource_control(item.role.partition, item.role.account),
        )
        tagging: Keys = tag_keys("aws:requesttag", item.tags)
        if item.tags:
            tagging["aws:tagkeys"] = tuple(key for key, _ in item.tags.values())
        if item.transitive:
            tagging["sts:transitivetagkeys"] = tuple(item.tags[key][0] for key in sorted(item.transitive))
        identity: Keys = {"sts:sourceidentity": (source_identity,)} if source_identity is not None else {}
        assuming: Keys = {**tagging, **identity, "sts:rolesessionname": (item.session_name,)}
        if item.external_id is not None:
            assuming["sts:externalid"] = (item.external_id,)

        self._demand(caller, item, "sts:AssumeRole", policies, {**common, **assuming})
        if item.tags or inherited:
            self._demand(caller, item, "sts:TagSession", policies, {**common, **tagging})
        if source_identity is not None:
            self._demand(caller, item, "sts:SetSourceIdentity", policies, {**common, **identity})

    def _demand(self, caller: Caller, item: AssumeRoleInput, action: str, policies: PolicySet, keys: Keys) -> None:
        decision: Decision = evaluate(
            Request(action, item.role_arn, caller.principal, keys, item.role.account), policies
        )
        if not decision.allowed:
            same = caller.account == item.role.account
            raise access_denied(
                refusal(
                    caller.arn,
                    action,
                    item.role_arn,
                    decision,
                    reason=same,
                    show_policy=near(caller, item.role.account),
                )
            )

    def _open(
        self,
        role: Role,
        partition: str,
        item: AssumeRoleInput,
        *,
        tags: Tags,
        transitive: frozenset[str],
        source_identity: str | None,
    ) -> Session:
        now = self._clock.now()
        session = Session(
            access_key=new_access_key(),
            secret=new_secret(),
            token=new_secret() + new_secret(),
            account=role.account,
            partition=partition,
            name=item.session_name,
            role_arn=role.arn,
            role_id=role.id,
            role_name=role.name,
            issued=now,
            expires=now + item.duration,
            tags=tags,
            transitive=transitive,
            source_identity=source_identity,
            inline_policy=item.inline_policy,
            managed_policies=item.managed_policies,
        )
        self._sessions.add(session)
        return session


def _inherited(caller: Caller) -> Tags:
    session = caller.session
    if session is None:
        return {}
    return {key: tag for key, tag in session.tags.items() if key in session.transitive}


def _source_identity(caller: Caller, item: AssumeRoleInput) -> str | None:
    inherited = caller.session.source_identity if caller.session is not None else None
    if inherited is not None and item.source_identity not in {None, inherited}:
        raise access_denied("SourceIdentity is already set for the calling session and cannot be changed.")
    return inherited if inherited is not None else item.source_identity


def _check_session_policy(item: AssumeRoleInput) -> None:
    if item.inline_policy is not None:
        try:
            check_identity_policy(item.inline_policy)
        except PolicySyntaxError as error:
            raise AwsError("MalformedPolicyDocument", str(error)) from error
    for arn in item.managed_policies:
        account = arn.split(":")[4] if arn.count(":") >= 5 else ""
        if account not in {item.role.account, "aws"} or identity_views.managed_policy_text(arn) is None:
            raise invalid(f"The managed session policy {arn} does not exist in the role's account.")


def answer(operation: str, inside: str, request_id: str) -> HttpResponse:
    """Wrap a result as STS's query protocol does."""
    body = (
        f'<{operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{operation}Result>{inside}'
        f"</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        f"</{operation}Response>"
    )
    return HttpResponse(200, body.encode(), [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)])


def credentials_xml(session: Session) -> str:
    """Write a session's credentials."""
    return (
        f"<Credentials><AccessKeyId>{session.access_key}</AccessKeyId>"
        f"<SecretAccessKey>{session.secret}</SecretAccessKey><SessionToken>{session.token}</SessionToken>"
        f"<Expiration>{iso(session.expires)}</Expiration></Credentials>"
    )


def assumed_xml(assumed: Assumed) -> str:
    """Write AssumeRole's result."""
    session = assumed.session
    out = (
        f"{credentials_xml(session)}<AssumedRoleUser><AssumedRoleId>{session.role_id}:{escape(session.name)}"
        f"</AssumedRoleId><Arn>{escape(session.arn)}</Arn></AssumedRoleUser>"
    )
    if assumed.packed_size is not None:
        out += f"<PackedPolicySize>{assumed.packed_size}</PackedPolicySize>"
    if session.source_identity is not None:
        out += f"<SourceIdentity>{escape(session.source_identity)}</SourceIdentity>"
    return out


def identity_xml(caller: Caller) -> str:
    """Write GetCallerIdentity's result."""
    return (
        f"<Arn>{escape(caller.arn)}</Arn><UserId>{escape(caller.user_id)}</UserId><Account>{caller.account}</Account>"
    )
