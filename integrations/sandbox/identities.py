"""Roles and users, read from moto's state as the policies they hold, and what binds them from outside.

With a propagation delay, a change is seen only after that many seconds of sandbox time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends

from integrations.sandbox import buckets, organisations
from integrations.sandbox.arns import parse_arn
from integrations.sandbox.clock import Clock
from integrations.sandbox.operations import Operation
from integrations.sandbox.policy import Policy, PolicyKind, readable_policy
from integrations.sandbox.policy.evaluate import Levels
from integrations.sandbox.propagation import Propagation

Tags = dict[str, tuple[str, str]]
"""Tags by their key in lower case, with the key as written and the value: tag keys ignore case and keep it."""

_NOTHING = Policy(PolicyKind.BOUNDARY, ())


@dataclass(frozen=True)
class Role:
    """A role as authorisation sees it."""

    account: str
    arn: str
    id: str
    name: str
    path: str
    trust: Policy
    policies: tuple[Policy, ...]
    boundary: Policy | None
    tags: Tags
    max_session_seconds: int


@dataclass(frozen=True)
class User:
    """An IAM user as authorisation sees it."""

    account: str
    arn: str
    id: str
    name: str
    policies: tuple[Policy, ...]
    boundary: Policy | None
    tags: Tags


@dataclass(frozen=True)
class AccessKey:
    """A user's access key."""

    account: str
    partition: str
    user: str
    secret: str
    active: bool


@dataclass(frozen=True)
class _Account:
    roles: dict[str, Role]
    users: dict[str, User]


class Identities:
    """Looks identities up. Reads take no lock: they copy moto's dictionaries before walking them."""

    def __init__(self, clock: Clock, propagation: float) -> None:
        self._propagation = Propagation(clock, propagation)
        self._homes: dict[str, tuple[str, str]] = {}

    def role(self, arn: str) -> Role | None:
        """Find a role by its whole ARN, path and case included."""
        parsed = parse_arn(arn)
        if parsed is None or parsed.service != "iam" or not parsed.resource.startswith("role/"):
            return None
        past = self._past_of(parsed.partition, parsed.account)
        if past is not None:
            return past.roles.get(arn)
        name = parsed.resource.rsplit("/", 1)[1]
        found = next((role for role in _roles(parsed.partition, parsed.account) if role.name == name), None)
        return _role(found) if found is not None and found.arn == arn else None

    def role_by_name(self, partition: str, account: str, name: str) -> Role | None:
        """Find a role by its name, whatever its path."""
        past = self._past_of(partition, account)
        if past is not None:
            return next((role for role in past.roles.values() if role.name == name), None)
        found = next((role for role in _roles(partition, account) if role.name == name), None)
        return _role(found) if found is not None else None

    def user_by_name(self, partition: str, account: str, name: str) -> User | None:
        """Find a user by name."""
        past = self._past_of(partition, account)
        if past is not None:
            return next((user for user in past.users.values() if user.name == name), None)
        backend = _backend(partition, account)
        found = backend.users.get(name) if backend is not None else None
        return _user(backend, found) if found is not None else None

    def access_key(self, key_id: str) -> AccessKey | None:
        """Find an access key of any user in any account; where one was found before is looked first."""
        known = self._homes.get(key_id)
        for account, partition in [known] if known is not None else _homes():
            for user in list(iam_backends[account][partition].users.values()):
                for key in list(user.access_keys):
                    if key.access_key_id == key_id:
                        self._homes[key_id] = (account, partition)
                        active = key.status == "Active"
                        return AccessKey(account, partition, user.name, key.secret_access_key, active)
        return None

    def service_control(self, partition: str, account: str) -> Levels:
        """Give the service control policies over an account, root first; none for the management account."""
        past = self._propagation.past(("organisation", partition, account))
        levels: Levels = past.value[0] if past is not None else organisations.service_control(partition, account)
        return levels

    def resource_control(self, partition: str, account: str) -> Levels:
        """Give the resource control policies over an account, root first; none for the management account."""
        past = self._propagation.past(("organisation", partition, account))
        levels: Levels = past.value[1] if past is not None else organisations.resource_control(partition, account)
        return levels

    def bucket_policy(self, resource: str) -> Policy | None:
        """Give the policy of the bucket that a resource is, or is in."""
        bucket = buckets.bucket_of(resource)
        if bucket is None:
            return None
        past = self._propagation.past(("bucket", bucket))
        policy: Policy | None = past.value if past is not None else buckets.bucket_policy(bucket)
        return policy

    def about_to_change(self, operation: Operation, partition: str, account: str) -> None:
        """Remember how what an operation changes looks before it, for as long as the change takes to propagate."""
        if not self._propagation.takes_time:
            return
        if operation.service == "organizations":
            for member in organisations.members(account):
                policies = (
                    organisations.service_control(partition, member),
                    organisations.resource_control(partition, member),
                )
                self._propagation.remember(("organisation", partition, member), policies)
        elif operation.service == "s3" and operation.name in {"PutBucketPolicy", "DeleteBucketPolicy"}:
            bucket = str(operation.params.get("Bucket"))
            self._propagation.remember(("bucket", bucket), buckets.bucket_policy(bucket))
        elif operation.service == "iam":
            backend = _backend(partition, account)
            users = list(backend.users.values()) if backend is not None else []
            present = _Account(
                {role.arn: _role(role) for role in _roles(partition, account)},
                {user.arn: _user(backend, user) for user in users},
            )
            self._propagation.remember(("identities", partition, account), present)

    def forget(self) -> None:
        """Drop what was remembered, at a reset."""
        self._propagation.forget()
        self._homes.clear()

    def _past_of(self, partition: str, account: str) -> _Account | None:
        past = self._propagation.past(("identities", partition, account))
        return past.value if past is not None else None


def _homes() -> list[tuple[str, str]]:
    """Give every account with its partition."""
    return [(account, partition) for account in list(iam_backends) for partition in list(iam_backends[account])]


def managed_policy_text(arn: str) -> str | None:
    """Give the default version's document of a managed policy; None if there is none."""
    parsed = parse_arn(arn)
    if parsed is None:
        return None
    for backend in _backends_knowing(parsed.partition, parsed.account):
        policy = backend.managed_policies.get(arn)
        if policy is not None:
            return str(_default_text(policy))
    return None


def policy_texts(partition: str, account: str, kind: str, name: str) -> tuple[str, ...]:
    """Give the documents of a `role`'s or `user`'s own policies and of those attached to it."""
    backend = _backend(partition, account)
    if backend is None:
        return ()
    holder = (
        next((role for role in list(backend.roles.values()) if role.name == name), None)
        if kind == "role"
        else backend.users.get(name)
    )
    if holder is None:
        return ()
    return (*holder.policies.values(), *(_default_text(policy) for policy in list(holder.managed_policies.values())))


def set_user_boundary(partition: str, account: str, name: str, boundary: str | None) -> bool:
    """Set or remove a user's permissions boundary, which moto has no place for; False if there is no such user."""
    backend = _backend(partition, account)
    user = backend.users.get(name) if backend is not None else None
    if user is None:
        return False
    user.permissions_boundary_arn = boundary
    return True


def arn_of_id(unique_id: str) -> str | None:
    """Give the ARN of the role or user that has this unique id now."""
    for account in list(iam_backends):
        for partition in list(iam_backends[account]):
            backend = iam_backends[account][partition]
            role = backend.roles.get(unique_id)
            if role is not None:
                return str(role.arn)
            for user in list(backend.users.values()):
                if user.id == unique_id:
                    return str(user.arn)
    return None


def id_of_arn(arn: str) -> str | None:
    """Give the unique id of the role or user with this ARN now."""
    parsed = parse_arn(arn)
    backend = _backend(parsed.partition, parsed.account) if parsed is not None else None
    if parsed is None or backend is None:
        return None
    name = parsed.resource.rsplit("/", 1)[-1]
    if parsed.resource.startswith("role/"):
        return next((str(role.id) for role in list(backend.roles.values()) if role.arn == arn), None)
    user = backend.users.get(name) if parsed.resource.startswith("user/") else None
    return str(user.id) if user is not None and user.arn == arn else None


def _backend(partition: str, account: str) -> Any | None:
    if account not in iam_backends:
        return None
    try:
        return iam_backends[account][partition]
    except KeyError:
        return None


def _backends_knowing(partition: str, account: str) -> Iterable[Any]:
    if account == "aws":
        return [backend for owner in list(iam_backends) if (backend := _backend(partition, owner)) is not None]
    backend = _backend(partition, account)
    return [] if backend is None else [backend]


def _roles(partition: str, account: str) -> list[Any]:
    backend = _backend(partition, account)
    return list(backend.roles.values()) if backend is not None else []


def _default_text(policy: Any) -> str:
    return str(next(version.document for version in policy.versions if version.version_id == policy.default_version_id))


def _attached(holder: Any) -> list[Policy]:
    found = [
        readable_policy(PolicyKind.IDENTITY, text, name=name, arn=None) for name, text in list(holder.policies.items())
    ]
    found += [
        readable_policy(PolicyKind.IDENTITY, _default_text(policy), name=policy.name, arn=arn)
        for arn, policy in list(holder.managed_policies.items())
    ]
    return [policy for policy in found if policy is not None]


def _boundary(arn: str | None) -> Policy | None:
    if not arn:
        return None
    text = managed_policy_text(arn)
    # A boundary whose policy is gone allows nothing.
    policy = (
        readable_policy(PolicyKind.BOUNDARY, text, name=arn.rsplit("/", 1)[-1], arn=arn) if text is not None else None
    )
    return policy or _NOTHING


def as_tags(pairs: Iterable[dict[str, str]]) -> Tags:
    """Read `[{"Key": …, "Value": …}]`."""
    return {pair["Key"].lower(): (pair["Key"], pair.get("Value", "")) for pair in pairs}


def _role(role: Any) -> Role:
    trust = readable_policy(PolicyKind.TRUST, role.assume_role_policy_document, name=role.name, arn=None)
    return Role(
        account=role.account_id,
        arn=role.arn,
        id=role.id,
        name=role.name,
        path=role.path,
        trust=trust or Policy(PolicyKind.TRUST, ()),
        policies=tuple(_attached(role)),
        boundary=_boundary(role.permissions_boundary_arn),
        tags=as_tags(role.tags),
        max_session_seconds=int(role.max_session_duration or 3600),
    )


def _user(backend: Any, user: Any) -> User:
    policies = _attached(user)
    for group in list(backend.groups.values()):
        if user in group.users:
            policies += _attached(group)
    return User(
        account=user.account_id,
        arn=user.arn,
        id=user.id,
        name=user.name,
        policies=tuple(policies),
        boundary=_boundary(getattr(user, "permissions_boundary_arn", None)),
        tags=as_tags(user.tags or ()),
    )
