"""Who signed a request: an account's root, an IAM user, or a session; and what policies bind them."""

import re
import secrets
import string
import threading
from dataclasses import dataclass, field

from integrations.sandbox import identities as identity_views
from integrations.sandbox.arns import partition_of_region
from integrations.sandbox.clock import Clock
from integrations.sandbox.errors import AwsError
from integrations.sandbox.identities import Identities, Tags
from integrations.sandbox.policy import Policy, PolicyKind, PolicySet, Principal, parse_policy
from integrations.sandbox.signature import Credential

ROOT_SECRET = "test"  # noqa: S105 - the sandbox's published root secret; the sandbox guards nothing real
_ACCOUNT = re.compile(r"^\d{12}$")
_KEY_LETTERS = string.ascii_uppercase + "234567"
_EVERYTHING = parse_policy(
    PolicyKind.IDENTITY,
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}',
    name="root",
)


@dataclass(frozen=True)
class Session:
    """Temporary credentials: of a role, or of a user (GetSessionToken), for whom `role_arn` is empty."""

    access_key: str
    secret: str
    token: str
    account: str
    partition: str
    name: str
    role_arn: str
    role_id: str
    role_name: str
    issued: float
    expires: float
    tags: Tags = field(default_factory=dict)
    transitive: frozenset[str] = frozenset()
    source_identity: str | None = None
    inline_policy: str | None = None
    managed_policies: tuple[str, ...] = ()
    user_name: str = ""

    @property
    def arn(self) -> str:
        """The session's ARN: the role's path is not part of it."""
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{self.role_name}/{self.name}"


@dataclass(frozen=True)
class Caller:
    """An authenticated caller."""

    account: str
    partition: str
    arn: str
    user_id: str
    kind: str  # as aws:PrincipalType: Account, User, AssumedRole
    principal: Principal
    access_key: str
    secret: str
    user_name: str = ""
    session: Session | None = None


class Sessions:
    """Live sessions, in memory: they end with the sandbox, as an outage would end them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_key: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Remember a session, and forget those that ended a day ago."""
        with self._lock:
            self._by_key[session.access_key] = session
            if len(self._by_key) % 1000 == 0:
                day_ago = self._clock.now() - 86400
                self._by_key = {key: live for key, live in self._by_key.items() if live.expires > day_ago}

    def get(self, access_key: str) -> Session | None:
        """Find a session by its access key id."""
        return self._by_key.get(access_key)

    def forget(self) -> None:
        """End all sessions, at a reset."""
        with self._lock:
            self._by_key.clear()


def new_access_key() -> str:
    """Make the access key id of a session."""
    return "ASIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))


def new_secret() -> str:
    """Make a secret key or the body of a session token."""
    return secrets.token_urlsafe(30)


class Callers:
    """Finds the caller behind a credential."""

    def __init__(self, clock: Clock, identities: Identities, sessions: Sessions) -> None:
        self._clock = clock
        self._identities = identities
        self._sessions = sessions

    def find(self, credential: Credential) -> Caller:
        """Give the claimed caller with the secret to check against. Raises AwsError as AWS does for bad keys."""
        key = credential.access_key
        if _ACCOUNT.match(key):
            partition = partition_of_region(credential.region)
            return _root(key, partition, key)
        session = self._sessions.get(key)
        if session is not None:
            if credential.token is None or not secrets.compare_digest(
                credential.token.encode(), session.token.encode()
            ):
                raise _invalid_token()
            if self._clock.now() >= session.expires:
                raise AwsError("ExpiredToken", "The security token included in the request is expired", 403)
            return self.of_session(session)
        found = self._identities.access_key(key)
        if found is None or not found.active:
            raise _invalid_token()
        if credential.token is not None:
            raise _invalid_token()
        return self._of_user(found.partition, found.account, found.user, key, found.secret, None)

    def policies(self, caller: Caller) -> PolicySet:
        """Gather what binds the caller, as it stands now: a policy change reaches a live session."""
        service_control = self._identities.service_control(caller.partition, caller.account)
        if caller.kind == "Account":
            return PolicySet(identity=(_EVERYTHING,), service_control=service_control)
        if caller.kind == "User":
            user = self._identities.user_by_name(caller.partition, caller.account, caller.user_name)
            if user is None or user.id != caller.principal.entity_id:
                return PolicySet()
            return PolicySet(identity=user.policies, boundary=user.boundary, service_control=service_control)
        session = caller.session
        role = self._identities.role(session.role_arn) if session is not None else None
        if session is None or role is None or role.id != session.role_id:
            return PolicySet()
        return PolicySet(
            identity=role.policies,
            boundary=role.boundary,
            session=_session_policies(session),
            service_control=service_control,
        )

    def tags(self, caller: Caller) -> Tags:
        """Give the tags of the role or user, overlaid by the session's."""
        if caller.kind == "User":
            user = self._identities.user_by_name(caller.partition, caller.account, caller.user_name)
            return user.tags if user is not None else {}
        if caller.session is None:
            return {}
        role = self._identities.role(caller.session.role_arn)
        return {**(role.tags if role is not None else {}), **caller.session.tags}

    def of_session(self, session: Session) -> Caller:
        """Give the caller that a session is."""
        if session.user_name:
            return self._of_user(
                session.partition, session.account, session.user_name, session.access_key, session.secret, session
            )
        return Caller(
            account=session.account,
            partition=session.partition,
            arn=session.arn,
            user_id=f"{session.role_id}:{session.name}",
            kind="AssumedRole",
            principal=Principal(session.account, session.arn, session.role_arn, session.role_id, is_session=True),
            access_key=session.access_key,
            secret=session.secret,
            session=session,
        )

    def _of_user(
        self, partition: str, account: str, name: str, key: str, secret: str, session: Session | None
    ) -> Caller:
        user = self._identities.user_by_name(partition, account, name)
        if user is None:
            raise _invalid_token()
        return Caller(
            account=account,
            partition=partition,
            arn=user.arn,
            user_id=user.id,
            kind="User",
            principal=Principal(account, user.arn, user.arn, user.id),
            access_key=key,
            secret=secret,
            user_name=name,
            session=session,
        )


def _root(account: str, partition: str, key: str) -> Caller:
    arn = f"arn:{partition}:iam::{account}:root"
    return Caller(account, partition, arn, account, "Account", Principal(account, arn, arn, account), key, ROOT_SECRET)


def _session_policies(session: Session) -> tuple[Policy, ...] | None:
    if session.inline_policy is None and not session.managed_policies:
        return None
    found = []
    if session.inline_policy is not None:
        found.append(parse_policy(PolicyKind.SESSION, session.inline_policy, name="session policy"))
    for arn in session.managed_policies:
        text = identity_views.managed_policy_text(arn)
        if text is not None:
            found.append(parse_policy(PolicyKind.SESSION, text, name=arn.rsplit("/", 1)[-1], arn=arn))
    return tuple(found)


def _invalid_token() -> AwsError:
    return AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
