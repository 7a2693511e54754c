"""One AssumeRole call: checked against STS's limits before it is made, and a receipt of the session it opens.

Limits are those of the STS API reference.
"""

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from integrations.aws.arns import InvalidRoleArn, RoleArn, parse_role_arn
from integrations.aws.clients import SessionCredentials
from integrations.aws.errors import RequestInvalid, translate
from integrations.aws.narrowing import Narrowing
from integrations.aws.policies import MAX_SESSION_POLICY
from integrations.aws.report import SessionPurpose, SessionReceipt
from integrations.aws.stop import refuse_if_stopped
from integrations.aws.sts_turns import wait_for_turn

logger = logging.getLogger(__name__)

MIN_DURATION = 900  # seconds
MAX_CHAINED_DURATION = 3600  # seconds; STS allows a role no more when it is entered from another role
PACKED_POLICY_WARNING = 80  # percent

_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_TAG_KEY = re.compile(r"[\w \.:/=+\-@]{1,128}")
_TAG_VALUE = re.compile(r"[\w \.:/=+\-@]{0,256}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_MAX_TAGS = 50
_MAX_POLICY_ARNS = 10


@dataclass(frozen=True)
class AssumeRole:
    """One AssumeRole call, checked against STS's limits before it is made; RequestInvalid says which it breaks."""

    role_arn: str
    session_name: str
    duration: int = MIN_DURATION
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    external_id: str | None = None
    source_identity: str | None = None
    session_tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tag_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            role = parse_role_arn(self.role_arn)
        except InvalidRoleArn as error:
            raise RequestInvalid("RoleArn", str(error)) from None
        if self.external_id is not None and not _EXTERNAL_ID.fullmatch(self.external_id):
            raise RequestInvalid("ExternalId", "An external ID has 2 to 1224 characters out of A-Z a-z 0-9 _+=,.@:/-")
        if not _SESSION_NAME.fullmatch(self.session_name):
            raise RequestInvalid("SessionName", "A session name has 2 to 64 characters out of A-Z a-z 0-9 _+=,.@-")
        if self.source_identity is not None and (
            not _SESSION_NAME.fullmatch(self.source_identity) or self.source_identity.lower().startswith("aws:")
        ):
            raise RequestInvalid(
                "SourceIdentity", "A source identity has 2 to 64 characters out of A-Z a-z 0-9 _+=,.@-"
            )
        if not MIN_DURATION <= self.duration <= MAX_CHAINED_DURATION:
            raise RequestInvalid(
                "DurationSeconds", f"A chained session lasts {MIN_DURATION} to {MAX_CHAINED_DURATION} s."
            )
        if (length := len(self.policy or "") + sum(map(len, self.policy_arns))) > MAX_SESSION_POLICY:
            raise RequestInvalid(
                "Policy", f"The session policy has {length} characters; STS takes {MAX_SESSION_POLICY}."
            )
        self._check_policy_arns(role)
        if len(self.session_tags) > _MAX_TAGS:
            raise RequestInvalid("Tags", f"{len(self.session_tags)} session tags; STS takes {_MAX_TAGS}.")
        if len({key.lower() for key in self.session_tags}) != len(self.session_tags):
            raise RequestInvalid("Tags", "Two session tags have the same key; STS ignores case.")
        for key, value in self.session_tags.items():
            if not _TAG_KEY.fullmatch(key) or not _TAG_VALUE.fullmatch(value) or key.lower().startswith("aws:"):
                raise RequestInvalid("Tags", f"The session tag '{key}' breaks STS's limits on keys and values.")
        if not set(self.transitive_tag_keys) <= set(self.session_tags):
            raise RequestInvalid("TransitiveTagKeys", "Only tags of the same call can be made transitive.")

    def _check_policy_arns(self, role: RoleArn) -> None:
        """Managed session policies must live in the role's own account and partition."""
        if len(self.policy_arns) > _MAX_POLICY_ARNS:
            raise RequestInvalid("PolicyArns", f"{len(self.policy_arns)} session policies; STS takes 10.")
        for arn in self.policy_arns:
            if not arn.startswith(f"arn:{role.partition}:iam::{role.account_id}:policy/"):
                raise RequestInvalid("PolicyArns", f"The session policy {arn} is not in the role's own account.")

    def parameters(self) -> dict[str, Any]:
        """The call's parameters as boto3 takes them."""
        parameters: dict[str, Any] = {
            "RoleArn": self.role_arn,
            "RoleSessionName": self.session_name,
            "DurationSeconds": self.duration,
        }
        if self.policy is not None:
            parameters["Policy"] = self.policy
        if self.policy_arns:
            parameters["PolicyArns"] = [{"arn": arn} for arn in self.policy_arns]
        if self.external_id is not None:
            parameters["ExternalId"] = self.external_id
        if self.source_identity is not None:
            parameters["SourceIdentity"] = self.source_identity
        if self.session_tags:
            parameters["Tags"] = [{"Key": key, "Value": value} for key, value in self.session_tags.items()]
        if self.transitive_tag_keys:
            parameters["TransitiveTagKeys"] = list(self.transitive_tag_keys)
        return parameters


@dataclass(frozen=True)
class Session:
    """An assumed-role session, its receipt, and how a customer role's session was narrowed to the component."""

    credentials: SessionCredentials
    receipt: SessionReceipt
    narrowing: Narrowing | None = None


def open_session(sts: Any, call: AssumeRole, *, component: str, purpose: SessionPurpose) -> Session:
    """Make the call with the client `sts`, when its turn comes; raises AwsCallFailed, and SessionsStopped while the
    emergency stop is on.
    """
    wait_for_turn()
    refuse_if_stopped()
    opened_at = datetime.now(UTC)
    try:
        answer = sts.assume_role(**call.parameters())
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from None
    credentials = SessionCredentials(
        access_key_id=answer["Credentials"]["AccessKeyId"],
        secret_access_key=answer["Credentials"]["SecretAccessKey"],
        session_token=answer["Credentials"]["SessionToken"],
        expires_at=answer["Credentials"]["Expiration"],
    )
    receipt = SessionReceipt(
        opened_at=opened_at,
        expires_at=credentials.expires_at,
        component=component,
        purpose=purpose,
        role_arn=call.role_arn,
        role_id=answer.get("AssumedRoleUser", {}).get("AssumedRoleId", "").partition(":")[0],
        session_name=call.session_name,
        source_identity=answer.get("SourceIdentity", call.source_identity or ""),
        tags=tuple(sorted(call.session_tags.items())),
        transitive_tag_keys=call.transitive_tag_keys,
        policy_sha256=_policy_hash(call),
        access_key_id=credentials.access_key_id,
        request_id=answer.get("ResponseMetadata", {}).get("RequestId", ""),
        packed_policy_percent=answer.get("PackedPolicySize"),
    )
    if (receipt.packed_policy_percent or 0) >= PACKED_POLICY_WARNING:
        logger.warning(
            "The session policy and tags of %s fill %d %% of what STS takes",
            call.role_arn,
            receipt.packed_policy_percent,
        )
    return Session(credentials, receipt)


def _policy_hash(call: AssumeRole) -> str:
    """A hash of what narrows the session, by which two receipts can be compared; empty where nothing does."""
    narrowed_by = [*([call.policy] if call.policy else []), *call.policy_arns]
    return hashlib.sha256("\n".join(narrowed_by).encode()).hexdigest() if narrowed_by else ""
