"""Accounts, roles and users for the tests: in the sandbox, or, with SANDBOX_TESTS=aws, in three real accounts.

Real accounts come from the profiles named in SANDBOX_AWS_PROFILES (three, comma separated), each an administrator.
Everything made there has a name with the prefix `sandbox-test-` and is removed at the end of its test; what has no
name is removed by its id. A test that needs the sandbox itself carries the mark `sandbox_only` with its reason, and
`test_against_profiles.py` shows that the others leave nothing behind. No run against real accounts has been recorded
yet: what the tests say of AWS comes from its documentation.
"""

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integrations.sandbox.sweep import sweep
from tests.sandbox_server import SandboxServer, new_account_id

REGION = "eu-central-1"
PREFIX = "sandbox-test-"
SETTLING_SECONDS = float(os.environ.get("SANDBOX_AWS_SETTLING_SECONDS", "15"))
# The service is to refuse what is wrong, not boto3 before it.
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, parameter_validation=False)


def on_aws() -> bool:
    return os.environ.get("SANDBOX_TESTS") == "aws"


def statement(effect: str, action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return statement("Allow", action, resource, **more)


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return statement("Deny", action, resource, **more)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(principal: Any, *, action: Any = "sts:AssumeRole", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    named = principal if isinstance(principal, dict) or principal == "*" else {"AWS": principal}
    return {"Effect": effect, "Principal": named, "Action": action, **more}


ALL_STS = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


@dataclass(frozen=True)
class Refused:
    """An answer that said no."""

    code: str
    message: str
    status: int


def refusal_of(call: Callable[..., Any], **arguments: Any) -> Refused:
    """Make a call that must be refused, and give the refusal."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return Refused(error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"])


@dataclass
class Actor:
    """Someone with credentials."""

    world: "World"
    arn: str
    key: str
    secret: str
    token: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str = REGION) -> Any:
        """Give a client, once what was changed in IAM before has reached everywhere."""
        self.world.settle()
        if (service, region) not in self.clients:
            self.clients[service, region] = self.world.client(service, self.key, self.secret, self.token, region)
        return self.clients[service, region]

    def assume(self, role: str, name: str = "session", **arguments: Any) -> "Actor":
        answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName=name, **arguments)
        made = answer["Credentials"]
        return Actor(
            self.world,
            answer["AssumedRoleUser"]["Arn"],
            made["AccessKeyId"],
            made["SecretAccessKey"],
            made["SessionToken"],
            answer,
        )

    def refused_role(self, role: str, name: str = "session", **arguments: Any) -> Refused:
        return refusal_of(self.client("sts").assume_role, RoleArn=role, RoleSessionName=name, **arguments)


class Account:
    """An account with its administrator."""

    def __init__(self, world: "World", account_id: str, admin: Callable[[str, str], Any]) -> None:
        self.world = world
        self.id = account_id
        self._admin = admin
        self.iam = admin("iam", "us-east-1")

    @property
    def root(self) -> str:
        return f"arn:aws:iam::{self.id}:root"

    def client(self, service: str, region: str = REGION) -> Any:
        return self._admin(service, region)

    def arn(self, role: str) -> str:
        return f"arn:aws:iam::{self.id}:role/{self.world.name(role)}"

    def _name(self, role: str) -> str:
        """Give the name of a role that is given by its ARN, or by the name the test has for it."""
        return role.rsplit("/", 1)[-1] if role.startswith("arn:") else self.world.name(role)

    def role(
        self,
        name: str,
        *trust: dict[str, Any],
        policy: tuple[dict[str, Any], ...] = (),
        tags: dict[str, str] | None = None,
        **arguments: Any,
    ) -> str:
        """Make a role and give its ARN."""
        made = self.iam.create_role(
            RoleName=self.world.name(name),
            AssumeRolePolicyDocument=document(*trust),
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
            **arguments,
        )["Role"]
        if policy:
            self.policy(made["Arn"], *policy)
        self.world.changed()
        return str(made["Arn"])

    def policy(self, role: str, *statements: dict[str, Any], name: str = "permissions") -> None:
        self.iam.put_role_policy(RoleName=self._name(role), PolicyName=name, PolicyDocument=document(*statements))
        self.world.changed()

    def trust(self, role: str, *statements: dict[str, Any]) -> None:
        self.iam.update_assume_role_policy(RoleName=self._name(role), PolicyDocument=document(*statements))
        self.world.changed()

    def managed(self, name: str, *statements: dict[str, Any]) -> str:
        made = self.iam.create_policy(PolicyName=self.world.name(name), PolicyDocument=document(*statements))
        return str(made["Policy"]["Arn"])

    def user(self, name: str, *statements: dict[str, Any], tags: dict[str, str] | None = None) -> Actor:
        """Make a user with an access key."""
        pairs = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        made = self.iam.create_user(UserName=self.world.name(name), Tags=pairs)["User"]
        if statements:
            self.iam.put_user_policy(
                UserName=made["UserName"], PolicyName="permissions", PolicyDocument=document(*statements)
            )
        key = self.iam.create_access_key(UserName=made["UserName"])["AccessKey"]
        self.world.changed()
        return Actor(self.world, made["Arn"], key["AccessKeyId"], key["SecretAccessKey"])

    def attach(self, actor: Actor, policy: str) -> None:
        self.iam.attach_user_policy(UserName=actor.arn.rsplit("/", 1)[1], PolicyArn=policy)
        self.world.changed()

    def bucket(self, name: str) -> str:
        """Make a bucket and give its name, which no other account may have."""
        s3 = self.client("s3")
        bucket = self.world.name(f"{name}-{self.id}")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.world.cleanup(_empty_and_delete, s3=s3, bucket=bucket)
        return bucket

    def session(self, name: str, *statements: dict[str, Any], **arguments: Any) -> Actor:
        """Make a role with these permissions and give a session of it that is not chained."""
        starter = self.user(f"{name}-starter", allow(ALL_STS))
        role = self.role(name, trusting(starter.arn, action=ALL_STS), policy=statements)
        return starter.assume(role, **arguments)


class World:
    """Where the tests play."""

    def __init__(self, server: SandboxServer | None) -> None:
        self._server = server
        # For the rest of the project's tests the environment names a sandbox; here it must not.
        self.endpoint = server.url if server is not None else os.environ.get("SANDBOX_AWS_ENDPOINT_URL")
        self.config = ONCE.merge(Config(ignore_configured_endpoint_urls=True))  # type: ignore[call-arg]  # the stubs know not all of its arguments
        self._prefix = f"{PREFIX}{secrets.token_hex(3)}-" if server is None else ""
        self._cleanups: list[tuple[Callable[..., Any], dict[str, Any]]] = []
        self._accounts: list[Account] = []
        self._dirty = False
        self._profiles = iter(os.environ.get("SANDBOX_AWS_PROFILES", "").split(",")) if server is None else None

    def name(self, wanted: str) -> str:
        return f"{self._prefix}{wanted}"

    def client(
        self, service: str, key: str, secret: str = "test", token: str | None = None, region: str = REGION
    ) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the service is a variable
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=self.config,
        )

    def account(self) -> Account:
        """Give an account that the test has for itself (on AWS: the next profile's)."""
        if self._profiles is None:
            account_id = new_account_id()
            return Account(self, account_id, lambda service, region: self.client(service, account_id, region=region))
        session = _profile_session(next(self._profiles).strip())

        def admin(service: str, region: str) -> Any:
            return session.client(service, region_name=region, endpoint_url=self.endpoint, config=self.config)  # type: ignore[call-overload]  # the service is a variable

        account_id = admin("sts", REGION).get_caller_identity()["Account"]
        account = Account(self, account_id, admin)
        self._accounts.append(account)
        return account

    def unique(self) -> str:
        """Give a few letters that tell things of the same test apart."""
        return secrets.token_hex(3)

    def cleanup(self, call: Callable[..., Any], **arguments: Any) -> None:
        """Say how to remove from a real account what has no name that begins with the prefix, or is not of IAM."""
        self._cleanups.append((call, arguments))

    def changed(self) -> None:
        self._dirty = True

    def settle(self) -> None:
        """Let IAM changes reach everywhere, where that takes time."""
        if self._dirty and self._server is None:
            time.sleep(SETTLING_SECONDS)
        self._dirty = False

    def clean(self) -> None:
        """Remove from real accounts what the test made there."""
        if self._server is not None:
            return
        failed = []
        for call, arguments in reversed(self._cleanups):
            try:
                call(**arguments)
            except ClientError as error:
                failed.append(str(error))
        for account in self._accounts:
            failed += sweep(account.iam, self._prefix)
        assert not failed, f"could not be removed: {failed}"


def _empty_and_delete(*, s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
            s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
    s3.delete_bucket(Bucket=bucket)


@cache
def _profile_session(name: str) -> boto3.Session:
    """Read a profile from where a developer keeps them: for all other tests the files are /dev/null."""
    core = botocore.session.Session()
    core.set_config_variable("config_file", os.environ.get("SANDBOX_AWS_CONFIG_FILE", "~/.aws/config"))
    core.set_config_variable("credentials_file", os.environ.get("SANDBOX_AWS_CREDENTIALS_FILE", "~/.aws/credentials"))
    core.set_config_variable("profile", name)
    return boto3.Session(botocore_session=core)
